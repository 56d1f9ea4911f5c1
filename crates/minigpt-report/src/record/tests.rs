use minigpt_train::FinetuneConfig;
use serde_json::{Value, json};

use super::*;

/// A folder that is a run, because it has a configuration.
fn run(folder: &Path) -> RunFolder {
    let config = serde_json::to_string(&RunConfig::tiny()).unwrap();
    fs_err::write(folder.join("config.json"), config).unwrap();
    RunFolder::open(folder).unwrap()
}

#[test]
fn what_is_missing_is_no_problem_and_what_is_damaged_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path());
    let record = RunRecord::read(&run, 1).unwrap();
    assert!(record.problems.is_empty(), "{:?}", record.problems);
    assert_eq!((record.state, record.best_loss()), (RunState::Interrupted, None));
    fs_err::create_dir(folder.path().join("evaluation")).unwrap();
    let files =
        ["summary.json", "environment.json", "start.json", "metrics.csv", "evaluation/a.json"];
    for file in files {
        fs_err::write(folder.path().join(file), "{\n").unwrap();
    }
    fs_err::create_dir(folder.path().join("attention")).unwrap();
    fs_err::write(folder.path().join("attention/attention.json"), "[]").unwrap();
    let record = RunRecord::read(&run, 1).unwrap();
    for file in files.iter().chain(&["attention.json"]) {
        let is_named = record.problems.iter().any(|problem| problem.contains(file));
        assert!(is_named, "{file}: {:?}", record.problems);
    }
}

#[test]
fn files_that_are_too_large_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path());
    fs_err::create_dir(folder.path().join("evaluation")).unwrap();
    let large = fs_err::File::create(folder.path().join("evaluation/large.json")).unwrap();
    large.set_len(EVALUATION.bytes() + 1).unwrap();
    let record = RunRecord::read(&run, 1).unwrap();
    assert!(record.evaluations.is_empty());
    assert!(record.problems[0].contains("too much for an evaluation"), "{:?}", record.problems);
}

#[test]
fn losses_that_cannot_be_drawn_are_refused() {
    let measured = json!({"value": 2.5, "low": null, "high": null});
    let position = |seen: u64, tokens: u64, loss: f64| json!({"seen": seen, "tokens": tokens, "loss": loss, "deviation": 1.0});
    let is_read = |by_context: Value| {
        let folder = tempfile::tempdir().unwrap();
        let run = run(folder.path());
        let file = json!({
            "model": "runs/tiny", "step": null, "parameters": 7, "data": "embedded", "split": "all",
            "detokenizer": null, "documents": 1, "description": "windows", "tokens_per_second": 9.0,
            "files": ["a.png", "a.json"], "protocol": {"context": 4, "stride": 2},
            "bootstrap": {"resamples": 10, "unit": "windows", "seed": 42}, "parts": 1, "padding": 0,
            "evaluation": {"nats": 5.0, "tokens": 4, "words": 1, "bytes": 8, "characters": 8},
            "token_perplexity": measured, "bits_per_byte": measured, "bits_per_character": measured,
            "accuracy": measured, "by_context": by_context, "by_frequency": [], "seconds": 0.5,
        });
        fs_err::create_dir(folder.path().join("evaluation")).unwrap();
        fs_err::write(folder.path().join("evaluation/a.json"), file.to_string()).unwrap();
        let record = RunRecord::read(&run, 1).unwrap();
        assert_eq!(record.evaluations.len() + record.problems.len(), 1);
        record.evaluations.len() == 1
    };
    assert!(is_read(json!([position(1, 4, 2.0), position(2, 4, 1.5)])));
    assert!(!is_read(json!([position(2, 4, 2.0), position(1, 4, 1.5)])));
    assert!(!is_read(json!([position(0, 4, 2.0)])));
    assert!(!is_read(json!([position(1, 0, 2.0)])));
    assert!(!is_read(json!([position(1, 4, 1e300)])));
    let much = 1 << 47;
    assert!(is_read(json!([position(1, much, 2.0), position(2, much, 2.0)])));
    assert!(!is_read(json!([1, 2, 3].map(|seen| position(seen, much, 2.0)))));
}

#[test]
fn texts_that_cannot_be_counted_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path());
    let mut config = RunConfig::tiny();
    config.finetune = Some(FinetuneConfig::new("base".to_owned(), FinetuneTask::Classify, None));
    fs_err::create_dir(folder.path().join("evaluation")).unwrap();
    let is_read = |count: u64| {
        let confusion = json!({"labels": ["a", "b"], "counts": [[1, count], [count, 1]]});
        let file = json!({
            "accuracy": 0.5, "macro_f1": 0.5, "majority": 0.5, "confusion": confusion, "picture": "a.png",
        });
        fs_err::write(task_path(&run, &config).unwrap(), file.to_string()).unwrap();
        let mut problems = 0;
        let figures = task(&run, &config, &mut |_| problems += 1);
        assert_eq!(figures.is_some(), problems == 0);
        figures.is_some()
    };
    assert_eq!([3, 1 << 40, 1 << 48, u64::MAX].map(is_read), [true, true, false, false]);
}
