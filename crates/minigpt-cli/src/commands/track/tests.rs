use super::*;

#[test]
fn a_path_does_nothing_to_a_terminal() {
    let path = PathBuf::from("a\u{1b}[31m");
    let csv = Some(Table { path: path.clone(), rows: 2 });
    let mut out = Vec::new();
    in_words(&Tracked { run: path, mlflow: None, csv }, &mut out).unwrap();
    let out = String::from_utf8(out).unwrap();
    assert_eq!(out, "a\u{fffd}[31m: 2 rows in a\u{fffd}[31m\n");
}

#[test]
fn a_name_is_written_as_python_reads_it() {
    assert_eq!(python_text("a\u{1b}\"\n\u{200b}é"), "\"a\\u001b\\\"\\n\u{200b}é\"");
}
