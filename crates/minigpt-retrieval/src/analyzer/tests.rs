use super::*;

fn of(text: &str) -> Vec<String> {
    terms(text).collect()
}

#[test]
fn words_are_stems_and_other_scripts_are_characters_and_pairs() {
    assert_eq!(of("Walked, to-day!"), ["walk", "to", "day"]);
    assert_eq!(of("黒猫 in東京。"), ["黒", "黒猫", "猫", "in", "東", "東京", "京"]);
    assert_eq!(of("?! …"), Vec::<String>::new());
    assert_eq!(of("ΣΟΦΟΣ"), of("σοφος"));
}

#[test]
fn words_are_as_long_in_any_script_and_longer_runs_are_left_out() {
    // 20 letters in 40 bytes.
    assert_eq!(of("Сельскохозяйственный труд"), ["сельскохозяйственный", "труд"]);
    for letter in ["q", "щ"] {
        assert_eq!(of(&letter.repeat(39)), [letter.repeat(39)]);
        assert_eq!(of(&format!("{} sea", letter.repeat(40))), ["sea"]);
    }
}
