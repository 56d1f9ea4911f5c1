use super::*;
use crate::attention::Habit;

#[test]
fn what_was_saved_is_loaded_and_damage_is_named() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(SavedAttention::load(folder.path()).unwrap(), None);
    let habits = HeadHabits {
        layer: 0,
        head: 1,
        previous: 0.5,
        itself: 0.25,
        first: 0.125,
        induction: 0.0,
        spread: 0.75,
        habit: Habit::Previous,
    };
    let picture = AttentionPicture {
        file: "token-1.png".to_owned(),
        chosen: "·was".to_owned(),
        after: "It".to_owned(),
    };
    let saved = SavedAttention {
        command: vec!["minigpt".to_owned(), "attention".to_owned()],
        prompt: "It".to_owned(),
        pictures: vec![picture],
        habits: vec![habits],
    };
    saved.save(folder.path()).unwrap();
    assert_eq!(SavedAttention::load(folder.path()).unwrap(), Some(saved));
    fs_err::write(folder.path().join(NAME), "{").unwrap();
    let error = SavedAttention::load(folder.path()).unwrap_err().to_string();
    assert!(error.contains("attention.json is damaged"), "{error}");
}
