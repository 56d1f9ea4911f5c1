//! `minigpt data`: what it says of a text, what it keeps, and what it refuses.

use std::process::Stdio;

use serde_json::Value;

use crate::support::{Sandbox, prose};

fn stats(sandbox: &Sandbox, args: &[&str]) -> Value {
    let output = sandbox.succeeds(&[&["data", "stats", "--json"], args].concat());
    serde_json::from_str(&output).unwrap()
}

#[test]
fn stats_of_the_embedded_novels() {
    let sandbox = Sandbox::new();
    let stats = stats(&sandbox, &["embedded", "--tokenizer", "gpt2", "--model", "small"]);
    let (train, valid) = (&stats["splits"][0], &stats["splits"][1]);
    assert_eq!((&train["documents"], &train["bytes"]), (&4.into(), &2_668_445.into()));
    // tiktoken's 610,752 and an <|endoftext|> before each novel and after the last.
    assert_eq!(train["tokens"], 610_757);
    assert_eq!(valid["split"], "validation");
    let bytes_per_token = train["bytes_per_token"].as_f64().unwrap();
    assert!((bytes_per_token - 2_668_445.0 / 610_757.0).abs() < 1e-9);
    assert!(train["ids_used"].as_u64().unwrap() < 50_257);
    let unigrams = valid["unigram_perplexity"].as_f64().unwrap();
    assert!((300.0..1500.0).contains(&unigrams), "{unigrams}");
    assert_eq!(stats["windows"].as_array().unwrap().len(), 3);

    let text = sandbox.succeeds(&["data", "stats"]);
    assert!(text.contains("warning: fewer tokens than parameters"), "{text}");
}

#[test]
fn a_text_is_tokenized_once_and_a_changed_one_again() {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    let folder = || {
        let args = ["data", "prepare", "prose.txt", "--tokenizer", "bpe:300", "--json"];
        let output = sandbox.command(&args).output().unwrap();
        let worked = String::from_utf8(output.stderr).unwrap().contains("training tokenizer");
        let prepared: Value = serde_json::from_slice(&output.stdout).unwrap();
        (prepared["folder"].clone(), worked)
    };
    let (first, worked) = folder();
    assert!(worked);
    assert_eq!(folder(), (first.clone(), false));
    sandbox.write("prose.txt", prose() + "And more.\n");
    let (second, worked) = folder();
    assert!(worked && first != second);
}

#[test]
fn a_bad_line_is_named_and_what_was_there_is_untouched() {
    let sandbox = Sandbox::new();
    let mut lines = vec![r#"{"story": "Once upon a time there was a line. "}"#; 100];
    sandbox.write("stories.jsonl", lines.join("\n"));
    let args = ["data", "prepare", "stories.jsonl", "--text-field", "story", "--tokenizer", "byte"];
    sandbox.succeeds(&args);
    let kept = || {
        let entries = fs_err::read_dir(sandbox.path("cache/tokens")).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.retain(|name| !name.to_string_lossy().ends_with(".lock"));
        names.sort();
        names
    };
    let before = kept();
    lines[56] = r#"{"story": "Once upon"#;
    sandbox.write("stories.jsonl", lines.join("\n"));
    let error = sandbox.fails(&args);
    assert!(error.contains("stories.jsonl, line 57: "), "{error}");
    assert_eq!(kept(), before);
}

#[test]
fn text_can_come_through_a_pipe_and_lossy() {
    let sandbox = Sandbox::new();
    let path = sandbox.write("prose.txt", prose());
    let args = ["data", "stats", "-", "--tokenizer", "char", "--model", "tiny", "--json"];
    let pipe = |path| Stdio::from(std::fs::File::from(fs_err::File::open(path).unwrap()));
    let output = sandbox.command(&args).stdin(pipe(path)).output().unwrap();
    let stats: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&stats["source"], &stats["tokenizer"]), (&"-".into(), &"char".into()));

    let path = sandbox.write("latin1.txt", [prose().as_bytes(), b"caf\xe9"].concat());
    let bad = format!("at byte {}", path.metadata().unwrap().len() - 1);
    let error = sandbox.fails(&["data", "stats", "latin1.txt"]);
    assert!(error.contains("latin1.txt") && error.contains(&bad), "{error}");
    sandbox.succeeds(&["data", "stats", "latin1.txt", "--lossy"]);
}

#[test]
fn without_the_hub_the_error_says_what_to_do() {
    let sandbox = Sandbox::new();
    let args = ["train", "--preset", "wikitext2", "--device", "cpu"];
    let offline = [("HF_HUB_OFFLINE", "1"), ("HF_HOME", "no-cache")];
    let output = sandbox.command(&args).envs(offline).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("HF_HUB_OFFLINE is set") && error.contains("offline, give a folder"),
        "{error}"
    );
    assert!(!sandbox.path("runs").exists());
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let sandbox = Sandbox::new();
    let mut child = sandbox
        .command(&["data", "stats"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && !errors.contains("panicked"), "{errors}");
}
