use super::*;

fn terms(text: &str) -> Vec<String> {
    let mut analyzer = analyzer();
    let mut stream = analyzer.token_stream(text);
    let mut terms = Vec::new();
    while stream.advance() {
        terms.push(stream.token().text.clone());
    }
    terms
}

#[test]
fn words_are_stems_and_other_scripts_are_characters_and_pairs() {
    assert_eq!(terms("Walked, to-day!"), ["walk", "to", "day"]);
    assert_eq!(terms("黒猫 in東京。"), ["黒", "黒猫", "猫", "in", "東", "東京", "京"]);
    assert_eq!(terms("?! …"), Vec::<String>::new());
    assert_eq!(terms(&"long".repeat(20)), Vec::<String>::new());
}
