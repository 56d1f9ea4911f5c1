use super::*;

#[test]
fn escapes_are_their_characters_and_others_are_refused() {
    assert_eq!(unescaped(r"a\n\t\r\\n").as_deref(), Ok("a\n\t\r\\n"));
    assert_eq!(unescaped("\n\n").as_deref(), Ok("\n\n"));
    for wrong in ["", r"\x", "end\\"] {
        assert!(unescaped(wrong).is_err(), "{wrong}");
    }
}
