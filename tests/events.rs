//! The events of `--json` are exactly those that docs/events.md lists.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::support::{Sandbox, prose};

const PAGE: &str = include_str!("../docs/events.md");

/// Fields of each event.
type Fields = BTreeMap<String, BTreeSet<String>>;

/// What the page lists: a heading for each event, in its table a row for each field.
fn documented() -> Fields {
    let sections = PAGE.split("\n## `").skip(1);
    let event = |section: &str| {
        let (name, rest) = section.split_once('`').unwrap();
        let fields = rest.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        (name.to_owned(), fields.map(str::to_owned).collect())
    };
    sections.map(event).collect()
}

/// Adds the fields of an event's value: those of objects by their path. Validation figures, which the page lists once,
/// count as `best`'s.
fn add(path: &str, value: &Value, fields: &mut BTreeSet<String>) {
    let is_like_best = ["last", "base", "average"].contains(&path);
    match value {
        Value::Object(parts) if !is_like_best => {
            for (name, value) in parts {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                add(&path, value, fields);
            }
        }
        _ => drop(fields.insert(path.to_owned())),
    }
}

/// Adds the events of a command that may fail.
fn emitted(sandbox: &Sandbox, command: &str, found: &mut Fields) {
    let output = sandbox.minigpt(&command.split_whitespace().collect::<Vec<_>>());
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let mut event: Value =
            serde_json::from_str(line).unwrap_or_else(|_| panic!("{command}: {line}"));
        let event = event.as_object_mut().unwrap();
        let name = event.remove("event").unwrap().as_str().unwrap().to_owned();
        let fields = found.entry(name).or_default();
        add("", &Value::Object(event.clone()), fields);
    }
}

/// Every event and every field at least once.
fn all_emitted() -> Fields {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    let answer = r#"{"instruction": "Who?", "output": "Emma."}"#;
    sandbox.write("answers.jsonl", [answer; 12].join("\n"));
    let labelled: Vec<String> = (0..20)
        .map(|number| format!(r#"{{"text": "It is {number}.", "label": "{}"}}"#, number % 2))
        .collect();
    sandbox.write("labels.jsonl", labelled.join("\n"));
    let pair = r#"{"prompt": "Who?", "chosen": "Emma.", "rejected": "Nobody."}"#;
    sandbox.write("pairs.jsonl", [pair; 12].join("\n"));
    sandbox.write("cloze.jsonl", r#"{"text": "Anne walked to the sea"}"#);
    let train = "train --preset tiny --data prose.txt --tokenizer bpe:300 --device cpu --json";
    let mut found = Fields::new();
    let mut emit = |command: &str| emitted(&sandbox, command, &mut found);

    emit("train --minutes 0.25 --data prose.txt --device cpu --json --dry-run");
    emit(&format!("{train} --dry-run --model mini-llama --set model.tied=false"));
    let settings = "--eval-every 5 --set training.ema_decay=0.9 --set model.block_size=64";
    emit(&format!("{train} --name run --max-steps 10 {settings}"));
    let diverging = "--max-steps 20 --learning-rate 1e36 --set schedule.warmup_steps=1";
    emit(&format!("{train} --name diverging --skip-bad-steps 1 {diverging}"));
    // The last checkpoint and a line of the metrics are damaged.
    let run = sandbox.path("runs/run");
    fs_err::write(run.join("checkpoints/step-000010/model.bpk"), "rubbish").unwrap();
    let metrics = fs_err::read_to_string(run.join("metrics.csv")).unwrap();
    fs_err::write(run.join("metrics.csv"), metrics.replacen("train,2,", "rubbish,", 1)).unwrap();
    emit("train --resume runs/run --device cpu --json");
    emit("train --continue runs/run --more-steps 2 --dry-run --json --device cpu");
    let tune = "finetune runs/run --device cpu --json --epochs 1";
    emit(&format!("{tune} --task instruct --data answers.jsonl --name answers"));
    emit(&format!("{tune} --task classify --data labels.jsonl --name labels"));
    let beside = "--forgetting prose.txt --tasks cloze.jsonl";
    emit(&format!("{tune} --task prefer --data pairs.jsonl --name preferred {beside}"));
    found
}

#[test]
fn the_events_are_those_that_are_documented() {
    let (documented, emitted) = (documented(), all_emitted());
    let names = |fields: &Fields| fields.keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        names(&emitted),
        names(&documented),
        "events that a program gives out, and listed ones"
    );
    for (event, fields) in &documented {
        let found = &emitted[event];
        let unlisted: Vec<_> = found.difference(fields).collect();
        assert!(unlisted.is_empty(), "docs/events.md does not list {unlisted:?} of `{event}`");
        let unseen: Vec<_> = fields.difference(found).collect();
        assert!(unseen.is_empty(), "no `{event}` has {unseen:?}, which docs/events.md lists");
    }
}
