//! Errors as clients of OpenAI's API know them.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use minigpt_data::DataError;
use minigpt_files::excerpt;
use minigpt_retrieval::RetrievalError;
use minigpt_text::TextError;
use serde_json::json;

use crate::engine::Refused;
use crate::engine::request::Failure;

/// Seconds after which a client may try again where too much is asked at once.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("2");

/// What a client is told instead of an answer: `{"error": {"message", "type", "param", "code"}}` with a status.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ApiError {
    status: StatusCode,
    message: String,
    /// The field that is wrong.
    param: Option<String>,
    /// What programs tell errors apart by.
    code: Option<&'static str>,
}

impl ApiError {
    /// An error of any status. The message is one line: what was found, what was expected.
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), param: None, code: None }
    }

    /// 400: what was asked cannot be done.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 404.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// 404 of a model that is not among `names`.
    pub(crate) fn no_model(id: &str, names: &[&str]) -> Self {
        let expected = match names {
            [] => "no model is served here".to_owned(),
            names => format!("expected {}", names.join(" or ")),
        };
        Self::not_found(format!("the model `{}` does not exist: {expected}", excerpt(id)))
            .at("model")
            .with_code("model_not_found")
    }

    /// 429: too much is asked at once.
    pub(crate) fn busy(message: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, message).with_code("rate_limit_exceeded")
    }

    /// 500: it is the server's fault.
    pub(crate) fn broken(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    /// 503: the server stops.
    pub(crate) fn stopping() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the server is stopping: try again when it is back",
        )
    }

    /// The same about a field.
    pub(crate) fn at(self, field: &str) -> Self {
        Self { param: Some(field.to_owned()), ..self }
    }

    /// The same with what programs know it by.
    pub(crate) fn with_code(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }

    /// What the client is told, as JSON.
    pub(crate) fn body(&self) -> serde_json::Value {
        let kind = match self.status.as_u16() {
            429 => "rate_limit_error",
            500.. => "server_error",
            _ => "invalid_request_error",
        };
        let Self { message, param, code, .. } = self;
        json!({"error": {"message": message, "type": kind, "param": param, "code": code}})
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body())).into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        let message = refused.to_string();
        match refused {
            Refused::Busy => Self::busy(message),
            Refused::Broken => Self::broken(message),
            Refused::Gone => Self::new(StatusCode::SERVICE_UNAVAILABLE, message),
        }
    }
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        let message = failure.to_string();
        match failure {
            Failure::Late => Self::busy(message),
            Failure::Request(_) => Self::bad_request(message),
            Failure::Model(_) => Self::broken(message),
        }
    }
}

/// What a text, a token or a template is not good for is the client's to change.
impl From<DataError> for ApiError {
    fn from(error: DataError) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl From<TextError> for ApiError {
    fn from(error: TextError) -> Self {
        Self::bad_request(error.to_string())
    }
}

/// An index that cannot be read is the server's.
impl From<RetrievalError> for ApiError {
    fn from(error: RetrievalError) -> Self {
        Self::broken(error.to_string())
    }
}

#[cfg(test)]
mod tests;
