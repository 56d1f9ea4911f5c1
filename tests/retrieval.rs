//! An index of texts, and answers from it.

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
    let error = sandbox.fails(&["ask", "--index", "minigpt.index", "--device", "cpu", &long]);
    assert!(error.contains("leaves no room for a passage"), "{error}");
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
    assert!(report["retrieval"]["mrr"].as_f64().unwrap() > 0.6, "{report}");
    let last = &report["retrieval"]["recall"][3];
    assert!(last["k"] == 10 && last["recall"].as_f64().unwrap() > 0.75, "{report}");
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
    refuses(&["index", "notes", "--words", "0"], "0 words in a passage: expected 8 to 10000");
    refuses(&["index", "notes/sea.txt", "--out", "notes"], "notes is no index");
    refuses(&["index", "notes/sea.txt", "notes", "--out", "notes"], "notes is no index");
    assert!(!sandbox.path("new").exists());
    refuses(&["ask", "--index", "nowhere", "Why?"], "nowhere is no index");
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

    let meta = sandbox.path("minigpt.index/meta.json");
    let text = fs_err::read_to_string(&meta).unwrap();
    fs_err::write(&meta, text.replace("\\\"format\\\":1", "\\\"format\\\":7")).unwrap();
    refuses(&ASK, "was made by another version: format 7");
    fs_err::write(&meta, "{}").unwrap();
    refuses(&ASK, "minigpt.index is damaged");
}
