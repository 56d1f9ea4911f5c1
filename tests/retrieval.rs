//! An index of texts, and answers from it.

use std::process::Stdio;

use serde_json::Value;

use crate::support::{Sandbox, prose};

const QUESTIONS: &str = include_str!("../crates/minigpt-retrieval/questions/austen.jsonl");

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A folder of notes and an index of it.
fn indexed() -> Sandbox {
    let sandbox = Sandbox::new();
    fs_err::create_dir(sandbox.path("notes")).unwrap();
    sandbox.write("notes/sea.txt", "Anne walked to the sea.\nIt was a cold morning.\n");
    sandbox.write("notes/town.md", "# The town\n\nEmma bought a green hat in the town.\n");
    sandbox.write("notes/picture.png", b"\x89PNG\0");
    sandbox.succeeds(&["index", "notes"]);
    sandbox
}

const ASK: [&str; 4] = ["ask", "--index", "minigpt.index", "What did Emma buy?"];

#[test]
fn an_index_follows_its_folder() {
    let sandbox = indexed();
    sandbox.write("notes/town.md", "Emma bought a blue hat.\n");
    sandbox.write("notes/hill.txt", "Nobody walked up the hill.\n");
    fs_err::remove_file(sandbox.path("notes/sea.txt")).unwrap();
    let changes = json(&sandbox.succeeds(&["index", "notes", "--json"]));
    let names = |kind: &str| changes[kind].to_string().replace("\\\\", "/");
    assert_eq!(names("added"), "[\"notes/hill.txt\"]");
    assert_eq!(names("changed"), "[\"notes/town.md\"]");
    assert_eq!(names("removed"), "[\"notes/sea.txt\"]");
    assert_eq!(changes["words"], 100);
    assert!(changes["skipped"][0]["reason"].as_str().unwrap().contains("NUL"));
    let output = sandbox.succeeds(&["index", "notes", "minigpt.index"]);
    assert!(output.contains("0 new, 0 changed, 0 removed, 2 as they were"), "{output}");
}

#[test]
fn passages_are_quoted_with_their_lines_where_there_is_no_model() {
    let sandbox = indexed();
    let output = sandbox.succeeds(&ASK).replace('\\', "/");
    assert!(output.starts_with("[1] notes/town.md, lines 1–3, score "), "{output}");
    assert!(output.contains("    Emma bought a green hat"), "{output}");
    let output = json(&sandbox.succeeds(&[&ASK[..], &["--no-model", "--json"]].concat()));
    assert_eq!((&output["answer"], &output["passages"][0]["last_line"]), (&Value::Null, &3.into()));

    let output = sandbox.minigpt(&["ask", "--index", "minigpt.index", "zebra?"]);
    assert!(output.status.success() && output.stdout.is_empty());
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("no passage has a word of the question"), "{errors}");
}

#[test]
fn a_model_answers_within_its_context_and_says_what_to_trust() {
    let sandbox = indexed();
    sandbox.write("prose.txt", prose());
    let train = "train --preset tiny --data prose.txt --tokenizer bpe:300 --name a --device cpu \
                 --max-steps 2 --set model.block_size=64";
    sandbox.succeeds(&train.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>());
    let output = sandbox.succeeds(&[&ASK[..], &["--device", "cpu"]].concat());
    assert!(output.contains("trust the passages, not the answer"), "{output}");
    assert!(output.contains("\"# The town Emma bought a green hat in the town.\""), "{output}");

    let ask = |question: &str| {
        let args = "ask --index minigpt.index --device cpu --json --greedy";
        let args: Vec<&str> = args.split(' ').chain([question]).collect();
        json(&sandbox.succeeds(&args))
    };
    let answer = ask("Hat?");
    // The passage is cut to what the model can read, were it longer.
    let read = answer["passages"][0]["read"].as_str().unwrap();
    assert!(
        !read.is_empty() && "# The town\n\nEmma bought a green hat in the town.".contains(read)
    );
    let prompt = answer["prompt"].as_str().unwrap();
    assert_eq!(prompt, format!("{read}\n\nQ: Hat?\nA:"));
    assert_eq!(ask("Hat?")["answer"], answer["answer"]);

    let long = "What did Emma buy in the town on that cold morning? ".repeat(3);
    let output = sandbox.minigpt(&["ask", "--index", "minigpt.index", "--device", "cpu", &long]);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{errors}");
    assert!(errors.contains("warning: the question leaves no room for a passage"), "{errors}");
    let output = sandbox.minigpt(&[&ASK[..], &["--max-tokens", "0", "--device", "cpu"]].concat());
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("warning: the model ended its answer before the first"), "{errors}");
    let error = sandbox.fails(&[&ASK[..], &["--max-tokens", "64", "--device", "cpu"]].concat());
    assert!(error.contains("--max-tokens 64 leaves no room"), "{error}");
}

#[test]
fn the_novels_questions_find_their_passages() {
    let sandbox = Sandbox::new();
    sandbox.write("austen.jsonl", QUESTIONS);
    sandbox.succeeds(&["index", "embedded"]);
    let ask = ["ask", "--index", "minigpt.index", "--questions", "austen.jsonl", "--no-model"];
    let report = json(&sandbox.succeeds(&[&ask[..], &["--json"]].concat()));
    assert_eq!(report["retrieval"]["questions"], 43);
    // What tantivy found, with lengths that it rounds.
    assert!(report["retrieval"]["mrr"].as_f64().unwrap() > 0.646, "{report}");
    let last = &report["retrieval"]["recall"][3];
    assert!(last["k"] == 10 && last["recall"].as_f64().unwrap() > 0.813, "{report}");
}

#[test]
fn what_cannot_be_indexed_or_asked_is_told_in_one_line() {
    let sandbox = indexed();
    let refuses = |args: &[&str], message: &str| {
        let error = sandbox.fails(args);
        assert!(error.contains(message), "`{message}` is not in:\n{error}");
    };
    fs_err::create_dir(sandbox.path("nothing")).unwrap();
    refuses(&["index", "nothing", "--out", "new"], "nothing: no text to index");
    refuses(&["index", "gone"], "gone does not exist");
    refuses(&["index", "notes/picture.png"], "picture.png is not text");
    refuses(&["index", "notes", "--words", "0"], "passages of 0 words: expected 8 to 10000");
    refuses(&["index", "notes/sea.txt", "--out", "notes"], "notes is not an index");
    refuses(&["index", "notes/sea.txt", "notes", "--out", "notes"], "notes is not an index");
    assert!(!sandbox.path("new").exists());
    refuses(&["ask", "--index", "nowhere", "Why?"], "nowhere is not an index");
    refuses(&["ask", "--index", "minigpt.index"], "no question");

    sandbox.write(
        "q.jsonl",
        "{\"question\":\"Who?\",\"source\":\"moon.txt:1\",\"answer\":\"Anne\"}\n",
    );
    let questions = ["ask", "--index", "minigpt.index", "--questions", "q.jsonl"];
    refuses(&questions, "q.jsonl, line 1: source \"moon.txt\" is not in the index");
    fs_err::remove_dir_all(sandbox.path("notes")).unwrap();
    refuses(&["index", "notes"], "notes does not exist");
    assert!(sandbox.succeeds(&ASK).contains("green hat"), "the index is as it was");

    let file = sandbox.path("minigpt.index/index.bin");
    let bytes = fs_err::read(&file).unwrap();
    fs_err::write(&file, [b"minigpt index 7", &bytes[15..]].concat()).unwrap();
    refuses(&ASK, "was made by another version of minigpt: format 7");
    fs_err::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    refuses(&ASK, "minigpt.index is damaged: it does not match its checksum");
    // As an earlier version left it.
    fs_err::remove_file(&file).unwrap();
    sandbox.write("minigpt.index/meta.json", "{}");
    sandbox.write("new.txt", "Anne walked to the sea.");
    for args in [&ASK[..], &["index", "new.txt"]] {
        refuses(
            args,
            "was made by another version of minigpt: its files are tantivy's; remove it or choose",
        );
    }
    sandbox.succeeds(&["index", "new.txt", "--out", "new"]);
}

#[test]
fn a_text_does_nothing_to_a_terminal() {
    let sandbox = Sandbox::new();
    sandbox.write("evil.txt", "the sea \u{1b}]0;owned\u{7}\u{1b}[31m was grey\n");
    sandbox.succeeds(&["index", "evil.txt"]);
    for more in [&[][..], &["--show-passages"]] {
        let ask = ["ask", "--index", "minigpt.index", "--no-model", "sea"];
        let output = sandbox.succeeds(&[&ask[..], more].concat());
        assert!(output.contains("was grey") && output.contains('\u{fffd}'), "{output:?}");
        assert!(!output.chars().any(|c| c.is_control() && c != '\n'), "{output:?}");
    }
}

#[test]
fn text_without_spaces_is_found() {
    let sandbox = Sandbox::new();
    sandbox.write("cat.txt", "黒い猫が庭で眠っている。");
    sandbox.write("city.txt", "東京は日本の首都です。");
    sandbox.succeeds(&["index", "cat.txt", "city.txt"]);
    let output =
        sandbox.succeeds(&["ask", "--index", "minigpt.index", "--no-model", "首都はどこ？"]);
    assert!(output.starts_with("[1] city.txt, line 1, score "), "{output}");
}

#[test]
fn of_several_that_make_an_index_the_last_ones_is_there_whole() {
    let sandbox = Sandbox::new();
    sandbox.write("sea.txt", "Emma walked to the sea.");
    for round in 0..5 {
        let name = format!("new-{round}");
        let start = |texts: &str| {
            let mut command = sandbox.command(&["index", texts, "--out", &name]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let children = ["embedded", "sea.txt", "embedded"].map(start);
        for child in children {
            let output = child.wait_with_output().unwrap();
            let errors = String::from_utf8(output.stderr).unwrap();
            assert!(output.status.success(), "{errors}");
        }
        let ask = ["ask", "--index", &name, "--no-model", "--json", "Emma"];
        let passages = json(&sandbox.succeeds(&ask))["passages"].clone();
        let is_of = |source: &str| {
            let passages = passages.as_array().unwrap().iter();
            passages
                .filter(|passage| passage["source"].as_str().unwrap().starts_with(source))
                .count()
        };
        assert!((is_of("sea.txt"), is_of("embedded/")) != (0, 0), "{passages}");
        assert!(is_of("sea.txt") == 0 || is_of("embedded/") == 0, "{passages}");
    }
    let left = fs_err::read_dir(sandbox.path("new-0")).unwrap();
    assert_eq!(left.count(), 1, "temporary files were left behind");
}

#[test]
fn an_update_that_is_killed_leaves_the_index_before_or_after_it() {
    let sandbox = Sandbox::new();
    sandbox.write("sea.txt", "Emma walked to the sea.");
    sandbox.write("long.txt", "Anne and Emma walked to the town.\n\n".repeat(40_000));
    sandbox.succeeds(&["index", "sea.txt"]);
    for milliseconds in (0..300).step_by(30) {
        let mut command = sandbox.command(&["index", "long.txt"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        child.kill().unwrap();
        child.wait().unwrap();
        let ask = ["ask", "--index", "minigpt.index", "--no-model", "Emma"];
        assert!(sandbox.succeeds(&ask).contains("Emma walked to the"));
        let output = sandbox.succeeds(&["index", "sea.txt"]);
        assert!(output.starts_with("minigpt.index: 1 passage of 1 text\n"), "{output}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_as_that_and_the_index_is_kept() {
    use std::process::Command;

    let sandbox = indexed();
    // A limit on the size of files is the disk that any user can fill.
    let words: String = (0..40_000).map(|n| format!("word{n} ")).collect();
    sandbox.write("notes/long.txt", words);
    let line =
        format!("ulimit -f 64; trap '' XFSZ; exec {} index notes", env!("CARGO_BIN_EXE_minigpt"));
    let output =
        Command::new("bash").args(["-c", &line]).current_dir(sandbox.path("")).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(
        errors.contains("cannot write minigpt.index: ") && errors.contains("File too large"),
        "{errors}"
    );
    assert!(errors.contains("nothing was changed") && !errors.contains("damaged"), "{errors}");
    assert!(sandbox.succeeds(&ASK).contains("green hat"), "the index is as it was");
    sandbox.succeeds(&["index", "notes"]);
    let new = format!(
        "ulimit -f 64; trap '' XFSZ; exec {} index notes --out new",
        env!("CARGO_BIN_EXE_minigpt")
    );
    let output =
        Command::new("bash").args(["-c", &new]).current_dir(sandbox.path("")).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(!sandbox.path("new").exists());
}
