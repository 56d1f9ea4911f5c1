//! The commands in the README are real: each is run, with fewer steps.

use crate::support::{Sandbox, prose};

const README: &str = include_str!("../README.md");

/// The lines of the README's `sh` blocks, comments apart.
fn commands() -> Vec<String> {
    let blocks = README.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let lines =
        blocks.flat_map(str::lines).map(|line| line.split(" #").next().unwrap_or(line).trim());
    lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn every_command_in_the_readme_runs() {
    let sandbox = Sandbox::new();
    sandbox.write("notes.txt", prose());
    fs_err::create_dir(sandbox.path("wikitext-2")).unwrap();
    sandbox.write("wikitext-2/train.txt", prose());
    sandbox.write("wikitext-2/valid.txt", prose());
    sandbox.write("choices.jsonl", include_str!("../crates/minigpt-train/tasks/choices.jsonl"));
    let instruction = r#"{"instruction": "Who?", "output": "Emma."}"#;
    sandbox.write("instructions.json", format!("[{instruction}, {instruction}]"));
    sandbox.write("reviews.csv", "text,label\ngood,yes\nbad,no\ngood,yes\n");
    sandbox
        .write("austen.jsonl", include_str!("../crates/minigpt-retrieval/questions/austen.jsonl"));
    sandbox.write("cloze.jsonl", include_str!("../crates/minigpt-train/tasks/cloze.jsonl"));

    let (mut ran, mut left_out) = (0, Vec::new());
    for command in commands() {
        let words = shlex(&command);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let args = match &words[..] {
            // This very test is part of it.
            ["cargo", "xtask", "test"] => {
                left_out.push(command.clone());
                continue;
            }
            ["cargo", "xtask", "train", rest @ ..] => {
                [&["train"][..], rest, &["--max-steps", "2", "--device", "cpu"]].concat()
            }
            [_, "finetune", rest @ ..] => {
                [&["finetune"][..], rest, &["--max-steps", "2", "--device", "cpu"]].concat()
            }
            [_, "train", "--resume", run] => {
                // Two steps are soon complete: without its checkpoint there is something to resume.
                fs_err::remove_dir_all(sandbox.path(run).join("checkpoints")).unwrap();
                vec!["train", "--resume", run, "--device", "cpu"]
            }
            ["minigpt" | "target/release/minigpt", "plot", rest @ ..] => {
                [&["plot"][..], rest].concat()
            }
            ["minigpt" | "target/release/minigpt", rest @ ..] => rest.to_vec(),
            other => panic!("the README has a command that this test does not know: {other:?}"),
        };
        sandbox.succeeds(&args);
        ran += 1;
    }
    assert_eq!(left_out, ["cargo xtask test"]);
    let is_command = |line: &&str| {
        ["cargo xtask ", "target/release/"].iter().any(|start| line.starts_with(start))
    };
    let there_are = README.lines().filter(is_command).count();
    assert_eq!(ran + left_out.len(), there_are, "lines of the README that look like commands");
}

/// Words of a command line, double quotes respected.
fn shlex(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in line.split('"').enumerate() {
        if index % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}
