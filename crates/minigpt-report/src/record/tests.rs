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
fn words_are_quoted_for_a_shell_where_they_must_be() {
    assert_eq!(shell_word("runs/tiny-2"), "runs/tiny-2");
    assert_eq!(shell_word("a b"), "'a b'");
    assert_eq!(shell_word("it's;rm"), "'it'\\''s;rm'");
    assert_eq!(shell_word(""), "''");
}
