use serde_json::json;

use super::*;

/// `é` in bytes, and another byte that was as probable as the first.
fn tokens() -> [Chosen; 2] {
    let bytes = "é".as_bytes();
    [bytes[0], bytes[1]].map(|byte| Chosen {
        id: byte.into(),
        log_probability: Some(-0.5),
        top: vec![(byte.into(), -0.5), (b'a'.into(), f64::NEG_INFINITY)],
        offset: 0,
    })
}

#[test]
fn chats_tell_bytes_of_partial_characters() {
    let tokenizer = Tokenizer::bytes().unwrap();
    let told = json!(of_chat(&tokenizer, &tokens()));
    assert_eq!(told[0]["token"], "\u{fffd}");
    assert_eq!(told[0]["bytes"], json!([0xc3]));
    assert_eq!(told[1]["logprob"], -0.5);
    let a = json!({"token": "a", "logprob": -9999.0, "bytes": [97]});
    assert_eq!(told[1]["top_logprobs"][1], a);
    let end = Chosen { id: tokenizer.end_of_text(), ..tokens()[0].clone() };
    assert!(of_chat(&tokenizer, &[end]).is_empty());
}

#[test]
fn completions_tell_tokens_by_name_and_where_they_begin() {
    let tokenizer = Tokenizer::bytes().unwrap();
    let told = json!(of_completion(&tokenizer, &[], 7, &tokens()));
    assert_eq!(told["tokens"], json!(["bytes:\\xc3", "bytes:\\xa9"]));
    assert_eq!(told["top_logprobs"][0], json!({"bytes:\\xc3": -0.5, "a": -9999.0}));
    assert_eq!(told["text_offset"], json!([7, 7]));
    let first = Chosen { log_probability: None, ..tokens()[0].clone() };
    let told = json!(of_completion(&tokenizer, &[first], 7, &tokens()[1..]));
    assert_eq!(told["text_offset"], json!([0, 7]));
    assert_eq!(
        (&told["token_logprobs"][0], &told["top_logprobs"][0]),
        (&json!(null), &json!(null))
    );
}
