use super::*;

#[test]
fn figures_that_json_cannot_write_are_read_back() {
    let evaluation = Evaluation { nats: 8000.0, tokens: 10, words: 1, bytes: 99, characters: 99 };
    let figures = ValidationFigures::new(&(7, evaluation));
    assert_eq!((figures.token_perplexity, figures.word_perplexity), (f64::INFINITY, None));
    let json = serde_json::to_string(&figures).unwrap();
    assert!(json.contains(r#""token_perplexity":null"#) && !json.contains("word"), "{json}");
    assert_eq!(serde_json::from_str::<ValidationFigures>(&json).unwrap(), figures);
    // As versions wrote it that left no word perplexity out.
    let old = json.replace('}', r#","word_perplexity":null}"#);
    assert_eq!(serde_json::from_str::<ValidationFigures>(&old).unwrap(), figures);
}
