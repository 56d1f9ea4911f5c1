use super::*;

#[test]
fn a_long_text_fits_and_keeps_both_ends() {
    assert_eq!(shortened("short", 10.0, 100.0), "short");
    let long = "runs/a-very-long-name-of-a-run-with-a-number-17";
    let cut = shortened(long, 10.0, 120.0);
    assert!(text_width(&cut, 10.0) <= 120.0 && cut.contains('…'), "{cut}");
    assert!(cut.starts_with("runs/") && cut.ends_with("17"), "{cut}");
    // Even where nothing fits.
    assert_eq!(shortened(long, 10.0, 1.0), "…");
}

#[test]
fn lines_break_between_words() {
    let lines = wrapped("some words that do not fit into one line", 10.0, 90.0, 3);
    assert_eq!(lines.len(), 3);
    assert!(lines.iter().all(|line| text_width(line, 10.0) <= 90.0), "{lines:?}");
    assert!(wrapped("", 10.0, 90.0, 3).is_empty());
    assert_eq!(wrapped(&"unbroken".repeat(20), 10.0, 90.0, 3).len(), 1);
}
