use std::path::{Path as FilePath, PathBuf};

use minigpt_train::{
    End, Environment, Overview, RunConfig, RunState, Summary, ValidationFigures, write_json,
};
use serde_json::{Value, json};

use super::*;
use crate::app::Settings;
use crate::engine::Limits;
use crate::testing::Server;

const HEADER: &str =
    "split,step,passes,tokens,loss,learning_rate,grad_norm,tokens_per_second,seconds\n";

/// A folder of runs.
struct Fixture {
    folder: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn runs(&self) -> Shown {
        Shown { runs: Runs::new(self.folder.path().to_owned()), current: None }
    }

    /// A run of four steps and two validations that came to its end.
    fn run(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs_err::create_dir_all(path.join("evaluation")).unwrap();
        fs_err::write(path.join("train.lock"), "").unwrap();
        write_json(&path.join("config.json"), &RunConfig::tiny()).unwrap();
        write_json(&path.join("environment.json"), &environment()).unwrap();
        write_json(&path.join("summary.json"), &summary()).unwrap();
        let mut table = HEADER.to_owned();
        for step in 1..=4 {
            table += &row("train", step);
            if step % 2 == 0 {
                table += &row("valid", step);
            }
        }
        fs_err::write(path.join("metrics.csv"), table).unwrap();
        fs_err::write(path.join("samples.md"), "## step 2\n\nIt\n\n## step 4\n\nIt was\n\n")
            .unwrap();
        fs_err::write(path.join("evaluation/task.json"), r#"{"accuracy": 0.5, "list": []}"#)
            .unwrap();
        path
    }
}

fn row(split: &str, step: usize) -> String {
    let loss = 5.0 - step as f64 / 2.0;
    let rate = if split == "train" { "0.001,1.5" } else { "," };
    format!("{split},{step},{},{},{loss},{rate},100.0,0.5\n", step as f64 / 2.0, step * 64)
}

fn environment() -> Environment {
    Environment {
        minigpt: "0.1.0".to_owned(),
        burn: "0.22.1".to_owned(),
        git_revision: None,
        device: "a processor".to_owned(),
        platform: "linux".to_owned(),
        command: vec!["minigpt".to_owned(), "train".to_owned()],
        ..Environment::default()
    }
}

fn summary() -> Summary {
    let figures = ValidationFigures {
        step: 4,
        loss: 3.0,
        token_perplexity: 20.1,
        word_perplexity: None,
        bits_per_byte: 2.0,
    };
    let (best, last) = (Some(figures), Some(figures));
    let (base, average, samples) = (None, None, vec!["It was".to_owned()]);
    let (end, seconds, peak_memory) = (End::Complete, 2.0, None);
    Summary { steps: 4, end, seconds, peak_memory, best, last, base, average, samples }
}

fn append(path: &FilePath, text: &str) {
    let before = fs_err::read_to_string(path).unwrap_or_default();
    fs_err::write(path, before + text).unwrap();
}

#[test]
fn a_run_is_told_at_a_glance() {
    let fixture = Fixture::new();
    assert!(fixture.runs().overviews(Overview::of).unwrap().runs.is_empty());
    let path = fixture.run("one");
    let overview = fixture.runs().overviews(Overview::of).unwrap().runs.remove(0);
    assert_eq!((overview.name.as_str(), overview.state), ("one", RunState::Finished));
    assert_eq!((overview.step, overview.tokens, overview.problem), (4, Some(256), None));
    assert_eq!((overview.train_loss, overview.valid_loss), (Some(3.0), Some(3.0)));
    let parameters = RunConfig::tiny().model.parameter_counts().total();
    assert_eq!(overview.parameters, Some(parameters));
    assert_eq!(overview.device.as_deref(), Some("a processor"));
    assert!(overview.best.is_some_and(|best| (best.step, best.loss) == (4, 3.0)));
    assert!(overview.started.is_some() && overview.changed >= overview.started);

    let lock = fs_err::File::open(path.join("train.lock")).unwrap();
    lock.lock().unwrap();
    assert_eq!(fixture.runs().overviews(Overview::of).unwrap().runs[0].state, RunState::Training);
    drop(lock);
    fs_err::remove_file(path.join("summary.json")).unwrap();
    assert_eq!(
        fixture.runs().overviews(Overview::of).unwrap().runs[0].state,
        RunState::Interrupted
    );
}

#[test]
fn an_overview_is_kept_until_a_file_changes_or_somebody_trains() {
    let fixture = Fixture::new();
    let path = fixture.run("one");
    let (runs, cache) = (fixture.runs(), OverviewCache::default());
    let step = || cache.of(&runs.open("one").unwrap()).step;
    assert_eq!((step(), step()), (4, 4));
    append(&path.join("metrics.csv"), &row("train", 9));
    assert_eq!(step(), 9);
    let lock = fs_err::File::open(path.join("train.lock")).unwrap();
    lock.lock().unwrap();
    assert_eq!(cache.of(&runs.open("one").unwrap()).state, RunState::Training);
    drop(lock);
    assert_eq!(cache.of(&runs.open("one").unwrap()).state, RunState::Finished);
}

#[test]
fn the_newest_run_comes_first() {
    let fixture = Fixture::new();
    for (name, age) in [("old", 300), ("new", 100), ("middle", 200)] {
        let path = fixture.run(name).join("config.json");
        let config = fs_err::OpenOptions::new().append(true).open(path).unwrap();
        let time = std::time::SystemTime::now() - std::time::Duration::from_secs(age);
        config.set_modified(time).unwrap();
    }
    let runs = fixture.runs().overviews(Overview::of).unwrap().runs;
    let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
    assert_eq!(names, ["new", "middle", "old"]);
}

#[test]
fn rows_come_as_they_are_written() {
    let fixture = Fixture::new();
    let table = fixture.run("one").join("metrics.csv");
    let runs = fixture.runs();
    let after = |after| {
        let answer = Metrics::after(&runs.open("one").unwrap(), after).unwrap();
        serde_json::to_value(answer).unwrap()
    };
    let all = after(0);
    assert_eq!(all["rows"].as_array().unwrap().len(), 6);
    assert_eq!(all["rows"][0], json!(["train", 1, 0.5, 64, 4.5, 0.001, 1.5, 100.0, 0.5]));
    assert_eq!(all["rows"][2], json!(["valid", 2, 1.0, 128, 4.0, null, null, 100.0, 0.5]));
    assert_eq!((&all["more"], &all["problem"]), (&json!(false), &Value::Null));
    assert_eq!(after(6)["rows"], json!([]));

    append(&table, "train,5,rubbish\ntrain,6,0.5,9,NaN,,,1.0,0.5\ntrain,7,0.5");
    let new = after(6);
    assert_eq!(new["rows"], json!([null, ["train", 6, 0.5, 9, null, null, null, 1.0, 0.5]]));
    assert!(new["problem"].as_str().unwrap().starts_with("line 8: "), "{new}");

    let many: String = (1..=6_000).map(|step| row("train", step)).collect();
    fs_err::write(&table, HEADER.to_owned() + &many).unwrap();
    assert_eq!(
        (after(0)["rows"].as_array().unwrap().len(), &after(0)["more"]),
        (5_000, &json!(true))
    );
    assert_eq!(after(5_000)["rows"].as_array().unwrap().len(), 1_000);
    fs_err::remove_file(&table).unwrap();
    assert_eq!(after(0)["rows"], json!([]));
}

#[test]
fn a_damaged_run_is_shown_as_such_and_breaks_nothing() {
    let fixture = Fixture::new();
    fixture.run("whole");
    let rubbish = ["config.json", "environment.json", "summary.json", "metrics.csv", "samples.md"];
    for file in rubbish {
        let name = format!("bad-{}", file.replace('.', "-"));
        fs_err::write(fixture.run(&name).join(file), b"\xff{ rubbish").unwrap();
    }
    for file in ["config.json", "metrics.csv", "environment.json"] {
        let name = format!("without-{}", file.replace('.', "-"));
        fs_err::remove_file(fixture.run(&name).join(file)).unwrap();
    }
    fs_err::write(fixture.run("bad-evaluation").join("evaluation/more.json"), "{").unwrap();
    // No runs: a file, a folder of something else, an empty one.
    fs_err::write(fixture.folder.path().join("notes.txt"), "").unwrap();
    fs_err::create_dir_all(fixture.folder.path().join("books/one")).unwrap();

    let overviews = fixture.runs().overviews(Overview::of).unwrap();
    assert_eq!(overviews.runs.len(), 10);
    for overview in overviews.runs {
        let name = overview.name.as_str();
        let run = fixture.runs().open(name).unwrap();
        let details = Details::of(&run);
        let is_told = |file: &str| details.problems.iter().any(|problem| problem.contains(file));
        match name {
            "bad-config-json" | "without-config-json" => {
                assert_eq!(overview.state, RunState::Damaged, "{name}");
                assert!(overview.problem.is_some() && details.config.is_none(), "{name}");
            }
            "bad-environment-json" | "without-environment-json" => {
                assert_eq!(overview.train_loss, Some(3.0));
                assert!(is_told("environment.json") && details.summary.is_some());
            }
            "bad-summary-json" => assert!(is_told("summary.json")),
            "bad-evaluation" => assert!(is_told("more.json")),
            _ => assert_eq!(details.problems, [""; 0], "{name}"),
        }
        let rows = Metrics::after(&run, 0);
        assert_eq!(rows.is_err(), name == "without-config-json", "{name}");
        assert!(serde_json::to_string(&details).is_ok());
    }
}

#[cfg(unix)]
#[test]
fn links_are_not_followed() {
    use std::os::unix::fs::symlink;
    let fixture = Fixture::new();
    let secret = tempfile::tempdir().unwrap();
    let other = Fixture { folder: tempfile::tempdir().unwrap() };
    symlink(other.run("run"), fixture.folder.path().join("link")).unwrap();
    assert!(fixture.runs().open("link").is_err());
    for part in ["metrics.csv", "samples.md", "evaluation", "config.json"] {
        let path = fixture.run(part).join(part);
        fs_err::remove_file(&path).or_else(|_| fs_err::remove_dir_all(&path)).unwrap();
        symlink(secret.path(), path).unwrap();
        let run = fixture.runs().open(part).unwrap();
        let error = run.folder().unwrap_err().to_string();
        assert!(error.contains(&format!("{part} is a symbolic link")), "{error}");
        assert!(Overview::of(&run).problem.is_some() && Metrics::after(&run, 0).is_err());
    }
    for name in ["..", ".", "", "a/b", "../run", "nothing", "whole\0"] {
        assert!(matches!(fixture.runs().open(name), Err(RunError::Unknown(_))), "{name:?}");
    }
}

#[test]
fn answers_are_json_over_http() {
    let fixture = Fixture::new();
    fixture.run("one two");
    let (runs, run) = (fixture.folder.path().to_owned(), Some("one two".to_owned()));
    let settings = Settings { runs, run, ..Settings::default() };
    let server = Server::with(settings, Limits::default());
    let get = |path: &str| {
        let answer = server.get(path);
        (answer.status, answer.json())
    };
    let (status, runs) = get("/api/runs");
    assert_eq!((status, &runs["runs"][0]["name"]), (200, &json!("one two")));
    assert_eq!(
        (&runs["runs"][0]["state"], &runs["current"]),
        (&json!("finished"), &json!("one two"))
    );
    let (status, details) = get("/api/runs/one%20two");
    assert_eq!(status, 200);
    assert_eq!(details["environment"]["device"], "a processor");
    let figures = json!([{ "name": "accuracy", "value": 0.5, "low": null, "high": null }]);
    assert_eq!(details["evaluations"][0]["figures"], figures);
    assert_eq!(get("/api/runs/one%20two/metrics?after=4").1["rows"][1][0], "valid");
    let samples = json!([{ "step": 2, "text": "It" }, { "step": 4, "text": "It was" }]);
    assert_eq!(get("/api/runs/one%20two/samples"), (200, samples));
    for (path, expected) in [
        ("/api/runs/none", 404),
        ("/api/runs/..%2Fone", 404),
        ("/api/runs/none/metrics", 404),
        ("/api/runs/one%20two/metrics?after=-1", 400),
        ("/api/runs/one%20two/metrics?afer=1", 400),
    ] {
        let (status, answer) = get(path);
        assert_eq!(status, expected, "{path}");
        assert!(answer["error"]["message"].is_string(), "{answer}");
    }
}
