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
fn the_cache_goes_by_what_a_text_says_and_tells_when_it_is_used() {
    let sandbox = Sandbox::new();
    let path = sandbox.write("prose.txt", prose());
    let date = path.metadata().unwrap().modified().unwrap();
    let args = ["data", "stats", "prose.txt", "--tokenizer", "byte", "--json"];
    let stats = || {
        let output = sandbox.command(&args).output().unwrap();
        let stats: Value = serde_json::from_slice(&output.stdout).unwrap();
        (stats, String::from_utf8(output.stderr).unwrap())
    };
    let (before, errors) = stats();
    assert!(!errors.contains("from the cache"), "{errors}");
    let (again, errors) = stats();
    assert_eq!(again, before);
    assert!(
        errors.contains("; tokens from the cache, ") && errors.contains(" old, in "),
        "{errors}"
    );
    // Another text of the same size and date, as `cp -p` and `tar` leave one.
    let path = sandbox.write("prose.txt", prose().to_uppercase());
    let file = fs_err::File::options().write(true).open(path).unwrap();
    file.set_modified(date).unwrap();
    let (other, errors) = stats();
    assert!(!errors.contains("from the cache"), "{errors}");
    assert_eq!(other["splits"][0]["tokens"], before["splits"][0]["tokens"]);
    assert_ne!(other["windows"], before["windows"]);
}

#[test]
fn tables_are_read_and_what_is_left_out_is_counted() {
    let sandbox = Sandbox::new();
    let rows: String = (0..200).map(|row| format!("\"Row, {row}.\",{row}\n")).collect();
    sandbox.write("rows.csv", format!("story,id\n{rows}"));
    let args = ["rows.csv", "--text-field", "story", "--tokenizer", "byte"];
    let splits = &stats(&sandbox, &args)["splits"];
    let documents = |split: usize| splits[split]["documents"].as_u64().unwrap();
    // A tenth of the bytes is held out; the last rows are the longest.
    assert_eq!((documents(0), documents(1)), (181, 19));
    let error = sandbox.fails(&["data", "stats", "rows.csv"]);
    assert!(
        error.contains("rows.csv, line 1: no column \"text\" among [\"id\", \"story\"]"),
        "{error}"
    );

    let lines = "{\"text\": \"One line.\", \"x\": NaN}\n{\"text\": null}\n".repeat(1000);
    sandbox.write("lines.jsonl", lines);
    let output = sandbox.minigpt(&["data", "prepare", "lines.jsonl", "--tokenizer", "byte"]);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("left out: 1,000 records without a text"), "{errors}");
}

#[test]
fn standard_input_and_held_out_text_are_called_by_their_names() {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    sandbox.write("empty.txt", "");
    let error = sandbox.fails(&[
        "data",
        "stats",
        "prose.txt",
        "--valid",
        "empty.txt",
        "--tokenizer",
        "byte",
    ]);
    assert!(error.contains("error: empty.txt is empty"), "{error}");
    let bad = sandbox.write("bad.txt", b"caf\xe9 and more text");
    let bad = Stdio::from(std::fs::File::from(fs_err::File::open(bad).unwrap()));
    let output = sandbox.command(&["data", "stats", "-"]).stdin(bad).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(
        errors.contains("error: standard input is not text: invalid UTF-8 at byte 3"),
        "{errors}"
    );
}

#[cfg(unix)]
#[test]
fn a_named_pipe_is_read_like_standard_input() {
    let sandbox = Sandbox::new();
    let pipe = sandbox.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let writer = std::thread::spawn(move || fs_err::write(pipe, prose()).unwrap());
    let of_pipe = stats(&sandbox, &["pipe", "--tokenizer", "byte"]);
    writer.join().unwrap();
    sandbox.write("prose.txt", prose());
    let of_file = stats(&sandbox, &["prose.txt", "--tokenizer", "byte"]);
    assert_eq!(of_pipe["splits"], of_file["splits"]);
}

/// The most memory that a command takes, as the kernel counts it, and how the command ends.
#[cfg(target_os = "linux")]
fn peak_memory(mut command: std::process::Command) -> (u64, std::process::ExitStatus) {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        let text = fs_err::read_to_string(&status).unwrap_or_default();
        let found = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = found.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(kibibytes.unwrap_or(0) << 10);
        if let Some(status) = child.try_wait().unwrap() {
            return (peak, status);
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

/// A gibibyte of one byte as gzip packs it, a mebibyte at a time.
#[cfg(target_os = "linux")]
fn gibibyte_of(sandbox: &Sandbox, byte: u8) -> Vec<u8> {
    let mebibyte = sandbox.write("mebibyte", vec![byte; 1 << 20]);
    let packed = std::process::Command::new("gzip").arg("-c").arg(mebibyte).output().unwrap();
    assert!(packed.status.success());
    packed.stdout.repeat(1 << 10)
}

#[cfg(target_os = "linux")]
#[test]
fn a_small_file_takes_no_large_memory() {
    let sandbox = Sandbox::new();
    sandbox.write("lines.txt.gz", gibibyte_of(&sandbox, b'\n'));
    sandbox.write("spaces.jsonl.gz", gibibyte_of(&sandbox, b' '));
    sandbox.write("zeros.parquet.gz", gibibyte_of(&sandbox, 0));
    let mut cell = b"text,label\n".to_vec();
    cell.extend("x".repeat(10 << 20).bytes());
    sandbox.write("cell.csv", [&cell[..], b",a\n"].concat());
    for (name, succeeds) in [
        ("lines.txt.gz", false),
        ("spaces.jsonl.gz", false),
        ("zeros.parquet.gz", false),
        ("cell.csv", true),
    ] {
        let args = ["data", "prepare", name, "--tokenizer", "gpt2"];
        let (peak, status) = peak_memory(sandbox.command(&args));
        assert_eq!(status.success(), succeeds, "{name}");
        assert!(peak < 700 << 20, "{name} takes {} MiB", peak >> 20);
    }
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
        error.contains("HF_HUB_OFFLINE is set")
            && error.contains("without a network, give a folder"),
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
