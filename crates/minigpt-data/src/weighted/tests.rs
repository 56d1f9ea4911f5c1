#![allow(clippy::unwrap_used)]

use super::*;

#[track_caller]
fn check(text: &str, source: &str, weight: f64) {
    let parsed: WeightedSource = text.parse().unwrap();
    assert_eq!((parsed.source.to_string().as_str(), parsed.weight), (source, weight), "{text}");
    assert_eq!(parsed.to_string().parse::<WeightedSource>().unwrap(), parsed);
}

#[test]
fn a_number_after_the_last_colon_is_a_weight() {
    check("a.jsonl", "a.jsonl", 1.0);
    check("a.jsonl:3", "a.jsonl", 3.0);
    check("a.jsonl:0.5", "a.jsonl", 0.5);
    check("hf:owner/name:2", "hf:owner/name", 2.0);
    check("hf:owner/name", "hf:owner/name", 1.0);
    check(r"C:\data\a.jsonl", r"C:\data\a.jsonl", 1.0);
    check(r"C:\data\a.jsonl:2", r"C:\data\a.jsonl", 2.0);
    check("a:b.jsonl", "a:b.jsonl", 1.0);
    check("-:2", "-", 2.0);
    check("a.jsonl:inf", "a.jsonl:inf", 1.0);
}

#[test]
fn a_file_of_that_name_is_that_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a:3");
    fs_err::write(&path, "").unwrap();
    check(&path.display().to_string(), &path.display().to_string(), 1.0);
}

#[test]
fn weights_are_bounded() {
    for text in ["a.jsonl:0", "a.jsonl:1001", "a.jsonl:1e9"] {
        let error = text.parse::<WeightedSource>().unwrap_err().to_string();
        assert!(error.contains("expected a number above 0 and at most 1000"), "{error}");
    }
}
