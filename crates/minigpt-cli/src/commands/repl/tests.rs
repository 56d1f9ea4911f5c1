use super::next_turn;

#[test]
fn a_turn_is_a_question_unless_the_model_has_begun_one() {
    assert_eq!(next_turn("Why?", None, false), "\nWhy?");
    assert_eq!(next_turn("Why?", None, true), "\nQ: Why?\nA:");
    assert_eq!(next_turn("Why?", Some("\nQ:"), true), " Why?\nA:");
    assert_eq!(next_turn("Why?", Some("."), true), "\nQ: Why?\nA:");
}
