use super::*;

#[test]
fn an_error_of_megabytes_keeps_both_ends() {
    let message = format!("file: {} expected text", "x".repeat(1 << 20));
    let short = shortened(&message);
    assert!(short.starts_with("file: xx") && short.ends_with("xx expected text"));
    assert!(short.chars().count() < 1700);
    assert_eq!(shortened("file: short"), "file: short");
}

#[test]
fn control_characters_do_nothing() {
    assert_eq!(printable("a\u{1b}[31mb\r\n\tç"), "a\u{fffd}[31mb\u{fffd}\n\tç");
}
