use super::*;

#[test]
fn lines_end_as_on_any_system() {
    for (text, expected) in [
        ("a\nb\n", &["a", "b", ""][..]),
        ("a\r\n\r\nb", &["a", "", "b"]),
        ("a\rb\r", &["a", "b", ""]),
        // Of a file with other ends it is a character.
        ("a\rb\nc", &["a\rb", "c"]),
    ] {
        assert_eq!(lines(text).collect::<Vec<_>>(), expected);
    }
}
