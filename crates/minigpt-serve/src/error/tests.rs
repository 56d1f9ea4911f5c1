use super::*;

#[test]
fn an_error_has_the_form_that_clients_of_openai_read() {
    let error = ApiError::no_model("gpt-5", &["austen", "letters"]);
    assert_eq!(
        error.body(),
        json!({"error": {
            "message": "the model `gpt-5` does not exist: expected austen or letters",
            "type": "invalid_request_error",
            "param": "model",
            "code": "model_not_found",
        }})
    );
    assert_eq!(error.into_response().status(), 404);
}

#[test]
fn whoever_asks_too_much_is_told_when_to_ask_again() {
    let response = ApiError::from(Refused::Busy).into_response();
    assert_eq!(response.status(), 429);
    assert!(response.headers().contains_key(header::RETRY_AFTER));
}
