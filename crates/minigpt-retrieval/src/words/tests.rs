use super::*;

fn texts(text: &str) -> Vec<&str> {
    words(text).map(|range| &text[range]).collect()
}

#[test]
fn a_word_is_what_spaces_part_or_a_character_of_a_script_without_them() {
    assert_eq!(texts(" It was,\tthen "), ["It", "was,", "then"]);
    assert_eq!(texts("猫がいる。Tokyo駅"), ["猫", "が", "い", "る。", "Tokyo", "駅"]);
    // A mark stays with its letter.
    assert_eq!(texts("ที่นี่"), ["ที่", "นี่"]);
    assert!(texts("").is_empty());
}

#[test]
fn no_word_is_of_any_size() {
    let text = "A".repeat(1000);
    assert_eq!(texts(&text).concat(), text);
    assert_eq!(texts(&text).len(), 4);
}
