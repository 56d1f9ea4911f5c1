//! What documents say is real: the README's commands are run, with fewer steps, and the tests that hold the
//! promises of docs/reliability.md are there.

use crate::served::Served;
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
    sandbox.write("choices.jsonl", include_str!("../crates/minigpt-eval/tasks/choices.jsonl"));
    let instruction = r#"{"instruction": "Who?", "output": "Emma."}"#;
    sandbox.write("instructions.json", format!("[{instruction}, {instruction}]"));
    sandbox.write("mood.json", r#"{"enum": ["calm", "wild"]}"#);
    let pair = r#"{"prompt": "Who?", "chosen": "Emma.", "rejected": "Nobody."}"#;
    sandbox.write("preferences.jsonl", format!("{pair}\n{pair}\n"));
    sandbox.write("reviews.csv", "text,label\ngood,yes\nbad,no\ngood,yes\n");
    sandbox
        .write("austen.jsonl", include_str!("../crates/minigpt-retrieval/questions/austen.jsonl"));
    sandbox.write("cloze.jsonl", include_str!("../crates/minigpt-eval/tasks/cloze.jsonl"));

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
            [_, "serve", rest @ ..] => {
                let (status, _) = Served::start(&sandbox, rest).get("/health");
                assert_eq!(status, 200);
                ran += 1;
                continue;
            }
            [_, "finetune", rest @ ..] => {
                [&["finetune"][..], rest, &["--max-steps", "2", "--device", "cpu"]].concat()
            }
            [_, "train", "--resume", run] => {
                // Two steps are soon complete: without its checkpoint there is something to resume.
                fs_err::remove_dir_all(sandbox.path(run).join("checkpoints")).unwrap();
                vec!["train", "--resume", run, "--device", "cpu"]
            }
            // A pass is long, and two steps are as good.
            [_, "train", "--continue", run, ..] => {
                vec!["train", "--continue", run, "--more-steps", "2", "--device", "cpu"]
            }
            ["minigpt" | "target/release/minigpt", "plan", rest @ ..] => {
                let shorter = rest.iter().map(|word| if *word == "10s" { "1s" } else { *word });
                std::iter::once("plan").chain(shorter).collect()
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

/// The names in the second column of the tables of promises, without crate and modules.
fn promised_tests() -> Vec<&'static str> {
    let promises = include_str!("../docs/reliability.md");
    let cells = promises.lines().filter_map(|line| {
        let cells: Vec<_> = line.split('|').collect();
        (cells.len() == 4).then(|| cells[2])
    });
    // Every second part of a cell stands between backticks.
    let names = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    let names = names.map(|name| name.rsplit(": ").next().unwrap_or(name));
    // A command has spaces, and `*` stands for all of a module.
    let names = names.filter(|name| !name.contains(' ') && !name.ends_with('*'));
    names.map(|name| name.rsplit("::").next().unwrap_or(name)).collect()
}

#[test]
fn every_test_that_holds_a_promise_exists() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut sources = String::new();
    let mut folders = vec![root.join("crates"), root.join("tests")];
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                sources += &fs_err::read_to_string(path).unwrap();
            }
        }
    }
    let promised = promised_tests();
    assert!(promised.len() > 30, "{promised:?}");
    for name in promised {
        assert!(sources.contains(&format!("fn {name}(")), "docs/reliability.md: no test {name}");
    }
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
