use minigpt_train::RunConfig;

use super::*;

#[test]
fn a_run_that_has_taken_no_step_is_reported_with_what_is_missing() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("<script>alert(1)</script>".replace('/', "|"));
    fs_err::create_dir(&path).unwrap();
    let mut config = RunConfig::tiny();
    config.sample.prompt = "<img src=x onerror=alert(1)>".to_owned();
    let json = serde_json::to_string(&config).unwrap();
    fs_err::write(path.join("config.json"), json).unwrap();
    let run = RunFolder::open(&path).unwrap();
    let report = Report::new(&[run], &root.path().join("report")).unwrap();
    let html = fs_err::read_to_string(report.write_html().unwrap()).unwrap();
    let markdown = fs_err::read_to_string(report.write_markdown().unwrap()).unwrap();
    assert!(!html.contains("<script") && !html.contains("<img src=x"), "{html}");
    for missing in ["train --resume", "minigpt eval", "minigpt attention", "None yet"] {
        assert!(markdown.contains(missing), "{missing}:\n{markdown}");
    }
    assert!(report.pictures().is_empty());
}

#[test]
fn runs_of_one_name_are_told_apart() {
    let root = tempfile::tempdir().unwrap();
    let runs = ["a/run", "b/run"].map(|name| {
        let path = root.path().join(name);
        fs_err::create_dir_all(&path).unwrap();
        let json = serde_json::to_string(&RunConfig::tiny()).unwrap();
        fs_err::write(path.join("config.json"), json).unwrap();
        RunFolder::open(&path).unwrap()
    });
    let report = Report::new(&runs, &root.path().join("report")).unwrap();
    assert!(report.document.title.contains("a/run and "), "{}", report.document.title);
}

#[test]
fn no_run_and_too_many_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = |runs: &[RunFolder]| Report::new(runs, folder.path()).unwrap_err().to_string();
    assert!(error(&[]).contains("at least one"));
    let path = folder.path().join("run");
    fs_err::create_dir(&path).unwrap();
    let json = serde_json::to_string(&RunConfig::tiny()).unwrap();
    fs_err::write(path.join("config.json"), json).unwrap();
    let run = RunFolder::open(&path).unwrap();
    assert!(error(&vec![run; RUNS + 1]).contains("at most 8"));
}
