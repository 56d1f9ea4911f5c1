use super::words;

#[test]
fn words_are_of_prose() {
    let line = "The model's `cod` and [a link](https://exmple.org), 12tokens of Qwen2 don't.";
    assert_eq!(words(line), ["The", "model", "and", "link", "of", "don't"]);
}
