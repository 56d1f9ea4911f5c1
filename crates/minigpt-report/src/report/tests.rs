use minigpt_eval::Confusion;
use minigpt_train::RunConfig;
use serde_json::json;

use super::*;

/// A folder that is a run, because it has a configuration.
fn run(path: &Path) -> RunFolder {
    fs_err::create_dir_all(path).unwrap();
    let json = serde_json::to_string(&RunConfig::tiny()).unwrap();
    fs_err::write(path.join("config.json"), json).unwrap();
    RunFolder::open(path).unwrap()
}

/// The report of a run in Markdown, and the names of its pictures.
fn reported(run: &RunFolder, folder: &Path) -> (String, Vec<String>) {
    let report = Report::new(std::slice::from_ref(run), folder).unwrap();
    report.write_html().unwrap();
    let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    let pictures = report.pictures().iter().map(name).collect();
    (fs_err::read_to_string(report.write_markdown().unwrap()).unwrap(), pictures)
}

/// Says that `minigpt attention` drew this picture.
fn write_attention(run: &RunFolder, picture: &str) {
    let folder = run.path().join("attention");
    fs_err::create_dir_all(&folder).unwrap();
    let picture = json!({"file": picture, "chosen": "a", "after": "b"});
    let json = json!({"command": [], "prompt": "b", "pictures": [picture], "habits": []});
    fs_err::write(folder.join("attention.json"), json.to_string()).unwrap();
}

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
    let runs = ["a/run", "b/run"].map(|name| run(&root.path().join(name)));
    let report = Report::new(&runs, &root.path().join("report")).unwrap();
    assert!(report.document.title.contains("a/run and "), "{}", report.document.title);
}

#[test]
fn no_run_and_too_many_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = |runs: &[RunFolder]| Report::new(runs, folder.path()).unwrap_err().to_string();
    assert!(error(&[]).contains("at least one"));
    let run = run(&folder.path().join("run"));
    assert!(error(&vec![run; RUNS + 1]).contains("at most 8"));
}

#[test]
fn a_picture_that_cannot_be_read_or_drawn_stops_no_report() {
    let root = tempfile::tempdir().unwrap();
    let run = run(&root.path().join("run"));
    let header = "split,step,passes,tokens,loss,learning_rate,grad_norm,tokens_per_second,seconds";
    let row = "train,1,0.5,64,NaN,0.001,NaN,100,0.5";
    fs_err::write(run.metrics_path(), [header, row, ""].join("\n")).unwrap();
    write_attention(&run, "a.png");
    fs_err::create_dir(run.path().join("attention/a.png")).unwrap();
    let (markdown, pictures) = reported(&run, &root.path().join("report"));
    for problem in ["every grad-norm is NaN or infinite", "a.png"] {
        assert!(markdown.contains(problem), "{problem}:\n{markdown}");
    }
    assert!(pictures.contains(&"learning-rate.png".to_owned()), "{pictures:?}");
    assert!(!pictures.contains(&"grad-norm.png".to_owned()), "{pictures:?}");
    fs_err::remove_dir(run.path().join("attention/a.png")).unwrap();
    let large = fs_err::File::create(run.path().join("attention/a.png")).unwrap();
    large.set_len(crate::pictures::PICTURE.bytes() + 1).unwrap();
    let (markdown, _) = reported(&run, &root.path().join("report"));
    assert!(markdown.contains("too much for a picture"), "{markdown}");
}

#[cfg(unix)]
#[test]
fn the_name_of_a_picture_becomes_no_markup() {
    let root = tempfile::tempdir().unwrap();
    let run = run(&root.path().join("run"));
    let name = "a) <img src=x onerror=y>.png";
    write_attention(&run, name);
    fs_err::write(run.path().join("attention").join(name), "a picture").unwrap();
    let (markdown, pictures) = reported(&run, &root.path().join("report"));
    assert_eq!(pictures, ["attention-1.png"]);
    assert!(markdown.contains("](pictures/attention-1.png)"), "{markdown}");
    assert!(!markdown.contains("<img"), "{markdown}");
}

#[test]
fn a_matrix_of_many_labels_is_drawn_in_pixels_and_one_of_too_many_is_not() {
    let root = tempfile::tempdir().unwrap();
    let run = run(&root.path().join("run"));
    let record = RunRecord::read(&run, 1).unwrap();
    let endings = |labels: usize| {
        let names = (0..labels).map(|label| label.to_string()).collect();
        let confusion = Confusion { labels: names, counts: vec![vec![1; labels]; labels] };
        let mut pictures = Pictures::new(root.path()).unwrap();
        let drawn = pictures.confusion(&record, &confusion, String::new(), String::new()).unwrap();
        assert_eq!(drawn.is_some(), !pictures.files.is_empty());
        pictures.files.len()
    };
    assert_eq!([2, 101, 361].map(endings), [2, 1, 0]);
}
