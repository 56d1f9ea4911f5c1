use super::*;

fn of(text: &str) -> Vec<String> {
    terms(text).collect()
}

#[test]
fn words_are_stems_and_other_scripts_are_characters_and_pairs() {
    assert_eq!(of("Walked, to-day!"), ["walk", "to", "day"]);
    assert_eq!(of("黒猫 in東京。"), ["黒", "黒猫", "猫", "in", "東", "東京", "京"]);
    assert_eq!(of("?! …"), Vec::<String>::new());
    assert_eq!(of(&"long".repeat(10)), Vec::<String>::new());
    assert_eq!(of("ΣΟΦΟΣ"), of("σοφος"));
}
