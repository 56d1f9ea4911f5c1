use super::*;

fn all(mut reader: &[u8]) -> Result<Vec<String>> {
    let mut lines = PlainLines::new(&mut reader);
    std::iter::from_fn(|| lines.next().transpose()).collect()
}

#[test]
fn a_line_that_is_not_utf8_ends_nothing() {
    assert_eq!(all(b"one\r\n\xff\n\ntwo").unwrap(), ["one", "", "two"]);
}

#[test]
fn a_line_without_end_is_refused() {
    let long = "x".repeat(2 << 20);
    let error = all(format!("one\n{long}").as_bytes()).unwrap_err().to_string();
    assert!(error.starts_with("line 2 has more than 1048576 bytes"), "{error}");
}
