use super::{next_turn, room};

#[test]
fn a_turn_is_a_question_unless_the_model_has_begun_one() {
    assert_eq!(next_turn("Why?", None, false), "\nWhy?");
    assert_eq!(next_turn("Why?", None, true), "\nQ: Why?\nA:");
    assert_eq!(next_turn("Why?", Some("\nQ:"), true), " Why?\nA:");
    assert_eq!(next_turn("Why?", Some("."), true), "\nQ: Why?\nA:");
}

#[test]
fn an_answer_has_at_most_a_quarter_of_the_context_kept_for_it() {
    assert_eq!(room(8192, 512), 7680);
    assert_eq!(room(64, 60), 48, "a conversation fits a small run's context");
    assert_eq!(room(64, 512), 48);
    assert_eq!(room(1, 60), 1);
}
