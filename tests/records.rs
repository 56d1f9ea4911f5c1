//! Runs that are there: listed, freed of what nobody needs, and handed to trackers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use minigpt_train::{RowSplit, read_metrics};
use serde_json::{Value, json};

use crate::exchange::python;
use crate::served::Served;
use crate::support::{Sandbox, prose};
use crate::watching::{slow_and_fast, train};

fn json_of(output: &str) -> Value {
    serde_json::from_str(output).unwrap()
}

fn listed(sandbox: &Sandbox, more: &[&str]) -> Vec<Value> {
    let output = sandbox.succeeds(&[&["runs", "--json"], more].concat());
    json_of(&output).as_array().unwrap().clone()
}

fn names(runs: &[Value]) -> Vec<&str> {
    runs.iter().map(|run| run["name"].as_str().unwrap()).collect()
}

#[test]
fn runs_are_listed_as_the_servers_page_lists_them() {
    let sandbox = slow_and_fast();
    let runs = listed(&sandbox, &[]);
    assert_eq!(names(&runs), ["fast", "slow"], "the newest first");
    assert_eq!(names(&listed(&sandbox, &["--sort", "best"])), ["fast", "slow"]);
    assert_eq!(names(&listed(&sandbox, &["--sort", "name"])), ["fast", "slow"]);
    let fast = &runs[0];
    assert_eq!((&fast["state"], &fast["step"]), (&json!("finished"), &json!(20)));
    assert_eq!(fast["data"], "prose.txt");
    let summary = fs_err::read(sandbox.path("runs/fast/summary.json")).unwrap();
    let summary: Value = serde_json::from_slice(&summary).unwrap();
    for figure in ["step", "loss", "bits_per_byte"] {
        assert_eq!(fast["best"][figure], summary["best"][figure], "{figure}");
    }
    let on_disk = minigpt_files::size_below(&sandbox.path("runs/fast"), 1000).unwrap();
    assert_eq!(fast["bytes"], on_disk.bytes);

    let mut served = Served::training(&sandbox, &train("live", "400", "0.001"));
    // The address is told before the first step, and the folder is made with it.
    while served.get("/api/runs/live/metrics").0 != 200 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let theirs = json_of(&served.get("/api/runs").1);
    let live = listed(&sandbox, &["runs/live"]);
    assert_eq!((names(&live), &live[0]["state"]), (vec!["live"], &json!("training")));
    for (ours, theirs) in listed(&sandbox, &[]).iter().zip(theirs["runs"].as_array().unwrap()) {
        assert_eq!((&ours["name"], &ours["state"]), (&theirs["name"], &theirs["state"]));
    }
    // What trains is left alone, whoever says yes.
    let pruned = sandbox.succeeds(&["runs", "runs/live", "--prune", "--yes", "--json"]);
    let left_alone = json!([{"run": "runs/live", "why": "running"}]);
    assert_eq!(json_of(&pruned)["left_alone"], left_alone);
    assert_eq!(json_of(&pruned)["parts"], json!([]));
    assert!(served.wait().success());

    let table = sandbox.succeeds(&["runs"]);
    assert!(table.starts_with("name "), "{table}");
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!(rows.len(), 5, "{table}");
    assert!(rows[1].contains("complete") && rows[1].contains("prose.txt"), "{table}");
}

#[test]
fn nothing_and_what_is_none_are_told_apart() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.succeeds(&["runs"]), "no runs here yet: minigpt train makes one\n");
    assert_eq!(json_of(&sandbox.succeeds(&["runs", "--json"])), json!([]));
    let error = sandbox.fails(&["runs", "none"]);
    assert!(error.contains("none does not exist: expected a folder that holds runs"), "{error}");
    sandbox.write("notes.txt", "x");
    assert!(sandbox.fails(&["runs", "notes.txt"]).contains("notes.txt"));
    fs_err::create_dir_all(sandbox.path("runs/damaged")).unwrap();
    sandbox.write("runs/damaged/metrics.csv", "rubbish");
    let table = sandbox.succeeds(&["runs"]);
    assert!(table.contains("damaged"), "{table}");
    assert_eq!(json_of(&sandbox.succeeds(&["runs", "--json"]))[0]["state"], "damaged");
    sandbox.succeeds(&["runs", "--prune", "--yes"]);
    assert!(sandbox.path("runs/damaged/metrics.csv").exists());
}

/// All files below a folder, with their bytes.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut contents = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                contents.insert(path.clone(), fs_err::read(path).unwrap());
            }
        }
    }
    contents
}

#[test]
fn a_pruned_run_writes_the_same_and_goes_on() {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    let more = ["--set", "training.keep_last=5"];
    sandbox.succeeds(&[&train("run", "50", "0.001")[..], &more].concat());
    let run = sandbox.path("runs/run");
    // As if the loss had risen again: the best is not the last.
    let manifest = run.join("checkpoints/step-000030/manifest.json");
    let mut set: Value = serde_json::from_slice(&fs_err::read(&manifest).unwrap()).unwrap();
    set["validation"]["nats"] = json!(1.0);
    fs_err::write(manifest, serde_json::to_vec_pretty(&set).unwrap()).unwrap();
    let before = listed(&sandbox, &[])[0].clone();
    assert_eq!(before["best"]["step"], 30);
    let text = || {
        let generate = "generate runs/run --prompt In --greedy --device cpu --max-tokens 20";
        sandbox.succeeds(&generate.split(' ').collect::<Vec<_>>())
    };
    let (written, files) = (text(), contents(&run));

    let preview = json_of(&sandbox.succeeds(&["runs", "--prune", "--json"]));
    assert_eq!((&preview["removed"], contents(&run) == files), (&json!(false), true));
    let plain = sandbox.succeeds(&["runs", "--prune"]);
    assert!(plain.contains("nothing was removed: add --yes"), "{plain}");
    let parts = preview["parts"].as_array().unwrap();
    let of_kind = |kind: &str| parts.iter().filter(|part| part["part"] == kind).count();
    assert_eq!((of_kind("checkpoint"), of_kind("optimizer_state"), parts.len()), (3, 1, 4));

    let removed = json_of(&sandbox.succeeds(&["runs", "--prune", "--yes", "--json"]));
    assert_eq!((&removed["removed"], &removed["parts"]), (&json!(true), &preview["parts"]));
    let after = listed(&sandbox, &[])[0].clone();
    // The manifest is a line shorter too.
    let freed = before["bytes"].as_u64().unwrap() - after["bytes"].as_u64().unwrap();
    let told = removed["bytes"].as_u64().unwrap();
    assert!(freed >= told && freed < told + 200, "{freed} bytes freed, {told} told");
    assert_eq!((text(), &after["best"]), (written, &before["best"]));
    let nothing = sandbox.succeeds(&["runs", "--prune", "--yes"]);
    assert!(nothing.contains("nothing to remove"), "{nothing}");

    // The last is as it was: with more steps planned, the run goes on from it.
    let mut config: Value =
        serde_json::from_slice(&fs_err::read(run.join("config.json")).unwrap()).unwrap();
    config["training"]["max_steps"] = json!(60);
    fs_err::write(run.join("config.json"), config.to_string()).unwrap();
    sandbox.succeeds(&["train", "--resume", "runs/run", "--device", "cpu"]);
    assert_eq!(listed(&sandbox, &[])[0]["step"], 60);
}

#[test]
fn a_run_that_can_be_resumed_keeps_its_checkpoints() {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    sandbox
        .succeeds(&[&train("run", "40", "0.001")[..], &["--set", "training.keep_last=5"]].concat());
    // Its time is over, and it can be given more.
    let path = sandbox.path("runs/run/summary.json");
    let mut summary = json_of(&fs_err::read_to_string(&path).unwrap());
    summary["end"] = json!("out-of-time");
    fs_err::write(&path, summary.to_string()).unwrap();
    assert_eq!(listed(&sandbox, &[])[0]["state"], "interrupted");
    assert!(sandbox.succeeds(&["runs"]).contains("can be resumed"));
    let before = contents(&sandbox.path("runs/run"));
    let plain = sandbox.succeeds(&["runs", "--prune", "--yes"]);
    assert!(plain.contains("runs/run: can be resumed") && plain.contains("nothing to"), "{plain}");
    assert_eq!(contents(&sandbox.path("runs/run")), before);

    fs_err::remove_file(&path).unwrap();
    assert_eq!(listed(&sandbox, &[])[0]["state"], "interrupted");
    let before = contents(&sandbox.path("runs/run"));
    let plain = sandbox.succeeds(&["runs", "--prune", "--yes"]);
    assert!(plain.contains("runs/run: can be resumed") && plain.contains("nothing to"), "{plain}");
    assert_eq!(contents(&sandbox.path("runs/run")), before);
}

/// What was freed is told, and what could not be is an error.
#[test]
fn a_run_that_cannot_be_pruned_is_an_error() {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    let more = ["--set", "training.keep_last=5"];
    for name in ["one", "two"] {
        sandbox.succeeds(&[&train(name, "30", "0.001")[..], &more].concat());
    }
    let lock = sandbox.path("runs/one/train.lock");
    fs_err::remove_file(&lock).unwrap();
    fs_err::create_dir(&lock).unwrap();
    let output = sandbox.minigpt(&["runs", "--prune", "--yes", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let pruned = json_of(&String::from_utf8(output.stdout).unwrap());
    assert_eq!(pruned["left_alone"][0]["run"], "runs/one");
    let parts = pruned["parts"].as_array().unwrap();
    assert!(!parts.is_empty() && pruned["bytes"].as_u64().unwrap() > 0, "{pruned}");
    for part in parts {
        let path = part["path"].as_str().unwrap();
        assert!(path.contains("two") && !sandbox.path(path).exists(), "{path}");
    }
    let error = String::from_utf8(output.stderr).unwrap();
    let last = error.lines().last().unwrap();
    assert!(last.starts_with("error: ") && last.contains("train.lock"), "{error}");
}

/// A link that is named is followed, one that lies in a run is not; and what is told can be typed.
#[cfg(unix)]
#[test]
fn links_are_followed_where_they_are_named() {
    use std::os::unix::fs::symlink;
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    sandbox.succeeds(&train("run", "10", "0.001"));
    fs_err::rename(sandbox.path("runs"), sandbox.path("my runs")).unwrap();
    symlink(sandbox.path("my runs"), sandbox.path("all")).unwrap();
    symlink(sandbox.path("my runs/run"), sandbox.path("one")).unwrap();
    for named in ["my runs", "all", "one"] {
        assert_eq!(names(&listed(&sandbox, &[named])), ["run"], "{named}");
    }
    fs_err::remove_file(sandbox.path("my runs/run/summary.json")).unwrap();
    let said = String::from_utf8(sandbox.minigpt(&["runs", "my runs"]).stderr).unwrap();
    assert!(said.contains("resume: minigpt train --resume 'my runs/run'\n"), "{said}");
    assert!(said.contains("free space: minigpt runs 'my runs' --prune\n"), "{said}");

    let plots = sandbox.path("my runs/run/plots");
    fs_err::rename(&plots, sandbox.path("elsewhere")).unwrap();
    symlink(sandbox.path("elsewhere"), &plots).unwrap();
    let problem = listed(&sandbox, &["my runs"])[0]["problem"].as_str().unwrap().to_owned();
    assert!(problem.contains("plots is a symbolic link"), "{problem}");
}

/// The losses of a split by step, as the run has them.
fn losses_by_step(sandbox: &Sandbox, split: RowSplit) -> Vec<(u64, f64)> {
    let rows = read_metrics(&sandbox.path("runs/fast/metrics.csv")).unwrap();
    let of_split = rows.iter().filter(|row| row.split == split);
    of_split.map(|row| (row.step as u64, row.loss)).collect()
}

/// The last digit may differ: JSON is read by two programs.
#[track_caller]
fn assert_same(found: &[(u64, f64)], expected: &[(u64, f64)]) {
    assert_eq!(found.len(), expected.len());
    for ((step, loss), (expected_step, expected)) in found.iter().zip(expected) {
        assert_eq!(step, expected_step);
        assert!((loss - expected).abs() < 1e-12, "{loss} is not {expected}");
    }
}

/// What a script of `tests/python` prints.
fn script(python: &Path, name: &str, arguments: &[&Path]) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/python");
    let output = Command::new(python).arg(folder.join(name)).args(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}:\n{errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn mlflow_reads_what_a_run_left() {
    let Some(python) = python("a run in MLflow") else { return };
    let sandbox = slow_and_fast();
    let more = ["--mlflow", "store/mlruns", "--experiment", "novels: \"one\""];
    let args = [&["track", "runs/slow", "runs/fast", "--json"], &more[..]].concat();
    let written = json_of(&sandbox.succeeds(&args));
    // Again, as while a run trains: the same runs, and no second ones.
    assert_eq!(json_of(&sandbox.succeeds(&args)), written);
    let store = sandbox.path("store/mlruns");
    let found = script(&python, "with_mlflow.py", &[&store, Path::new("novels: \"one\"")]);
    let runs = found["runs"].as_array().unwrap();
    assert_eq!(names(runs), ["fast", "slow"]);
    assert!(found["experiments"].as_array().unwrap().contains(&json!("novels: \"one\"")));

    let fast = &runs[0];
    assert_eq!(
        (&fast["status"], &fast["tags"]["minigpt.state"]),
        (&json!("FINISHED"), &json!("finished"))
    );
    assert_eq!(fast["params"]["schedule.learning_rate"], "0.01");
    assert_eq!(fast["params"]["data.source"], "prose.txt");
    let command = fast["tags"]["mlflow.source.name"].as_str().unwrap();
    assert!(command.contains("train --preset tiny"), "{command}");
    for name in ["plots/loss.png", "samples.md", "summary.json", "config.json"] {
        assert!(fast["artifacts"].as_array().unwrap().contains(&json!(name)), "{name}");
    }
    for (split, name) in [(RowSplit::Train, "train/loss"), (RowSplit::Valid, "valid/loss")] {
        let expected = losses_by_step(&sandbox, split);
        let history = fast["history"][name].as_array().unwrap();
        let found = history.iter().map(|at| (at[0].as_u64().unwrap(), at[1].as_f64().unwrap()));
        assert_same(&found.collect::<Vec<_>>(), &expected);
        let last = fast["last"][name].as_f64().unwrap();
        assert!((last - expected.last().unwrap().1).abs() < 1e-12);
        let times: Vec<u64> = history.iter().map(|point| point[2].as_u64().unwrap()).collect();
        assert!(times.is_sorted() && times[0] >= fast["started"].as_u64().unwrap());
    }
    assert!(fast["ended"].as_u64() >= fast["started"].as_u64());

    // What MLflow has written there meanwhile stays.
    sandbox.succeeds(&args);
    assert!(
        PathBuf::from(written[1]["mlflow"]["path"].as_str().unwrap()).join("tags/seen").exists()
    );
}

#[test]
fn trackio_imports_the_table_of_a_run() {
    let Some(python) = python("a run in trackio") else { return };
    let sandbox = slow_and_fast();
    sandbox.succeeds(&["track", "runs/fast", "--csv", "fast.csv"]);
    let (table, folder) = (sandbox.path("fast.csv"), sandbox.path("trackio"));
    let found = script(&python, "with_trackio.py", &[&table, &folder]);
    assert_eq!(found["runs"], json!(["first"]));
    // It keeps ten letters of a name: ours are no longer.
    let mut names =
        "train/loss train/rate train/norm train/tps valid/loss valid/ppl valid/tps".split(' ');
    let last = found["rows"].as_array().unwrap().last().unwrap();
    assert!(names.all(|name| last[name].is_number()), "{last}");
    for (split, name) in [(RowSplit::Train, "train/loss"), (RowSplit::Valid, "valid/loss")] {
        let rows = found["rows"].as_array().unwrap().iter();
        let found = rows.filter_map(|row| Some((row["step"].as_u64()?, row[name].as_f64()?)));
        assert_same(&found.collect::<Vec<_>>(), &losses_by_step(&sandbox, split));
    }
}

#[test]
fn what_is_no_run_is_tracked_nowhere() {
    let sandbox = slow_and_fast();
    let error = sandbox.fails(&["track", "runs", "--mlflow", "mlruns"]);
    assert!(error.contains("runs is not a run folder"), "{error}");
    assert!(!sandbox.path("mlruns").exists());
    let error = sandbox.fails(&["track", "runs/fast", "runs/slow", "--csv", "out.csv"]);
    assert!(error.contains("--csv holds one run"), "{error}");
    let error = sandbox.fails(&["track", "runs/fast", "--mlflow", "m", "--experiment", " "]);
    assert!(error.contains("--experiment"), "{error}");
    assert_eq!(sandbox.minigpt(&["track", "runs/fast"]).status.code(), Some(2));
    sandbox.write("runs/fast/config.json", "{");
    let error = sandbox.fails(&["track", "runs/fast", "--mlflow", "mlruns"]);
    assert!(error.contains("config.json is damaged"), "{error}");
}

#[test]
fn the_doctor_looks_at_everything_and_ends() {
    let sandbox = Sandbox::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", listener.local_addr().unwrap());
    let run = |more: &[&str], endpoint: &str| {
        let mut command = sandbox.command(&[&["doctor", "--json"], more].concat());
        command
            .env("HF_ENDPOINT", endpoint)
            .env("HF_TOKEN", "hf_secret")
            .env("HF_HOME", sandbox.path("hf"));
        let output = command.env_remove("HF_HUB_OFFLINE").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!text.contains("hf_secret"), "the token is told");
        assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
        (output.status.code(), json_of(&text))
    };
    let began = std::time::Instant::now();
    // A hub that never answers is no problem.
    let (_, report) = run(&[], &silent);
    let checks = report["checks"].as_array().unwrap();
    let expected = [
        "minigpt",
        "features",
        "processor",
        "kernels",
        "cores",
        "memory",
        "devices",
        "cache",
        "hub cache",
        "disk",
        "hub",
    ];
    for name in expected {
        assert!(checks.iter().any(|check| check["name"] == name), "{name}");
    }
    let of = |report: &Value, name: &str| {
        report["checks"]
            .as_array()
            .unwrap()
            .iter()
            .find(|check| check["name"] == name)
            .unwrap()
            .clone()
    };
    assert_eq!(of(&report, "hub")["state"], "note", "{report}");
    assert!(began.elapsed() < std::time::Duration::from_secs(150), "{:?}", began.elapsed());
    assert_eq!(names_of_problems(&report), [""; 0]);

    let (code, report) = run(&["--offline"], &silent);
    let has_problems = report["problems"] != 0;
    assert_eq!((code, names_of_problems(&report)), (Some(i32::from(has_problems)), Vec::new()));
    assert_eq!(of(&report, "hub")["state"], "ok");
    // A cache that cannot be written to is one.
    sandbox.write("cache", "a file");
    let (code, report) = run(&["--offline"], &silent);
    assert_eq!((code, names_of_problems(&report)), (Some(1), vec!["cache".to_owned()]));
}

/// Without those that the machine of the test may have.
fn names_of_problems(report: &Value) -> Vec<String> {
    let checks = report["checks"].as_array().unwrap().iter();
    let problems = checks.filter(|check| check["state"] == "problem");
    let names = problems.map(|check| check["name"].as_str().unwrap().to_owned());
    names.filter(|name| !["disk", "device check"].contains(&name.as_str())).collect()
}

/// One folder whose settings describe no model hides no other, and breaks nothing.
#[test]
fn a_run_that_describes_no_model_is_damaged_and_named() {
    let sandbox = slow_and_fast();
    let path = sandbox.path("runs/slow/config.json");
    let mut config = json_of(&fs_err::read_to_string(&path).unwrap());
    config["model"]["n_head"] = json!(0);
    fs_err::write(&path, config.to_string()).unwrap();
    let runs = listed(&sandbox, &["--sort", "name"]);
    assert_eq!(names(&runs), ["fast", "slow"]);
    assert_eq!((&runs[0]["state"], &runs[1]["state"]), (&json!("finished"), &json!("damaged")));
    for command in ["report", "plot", "track --mlflow mlruns", "generate --prompt In"] {
        let words: Vec<&str> = command.split(' ').collect();
        let error = sandbox.fails(&[&words[..1], &["runs/slow"], &words[1..]].concat());
        assert!(error.contains("config.json is damaged: model.n_head is 0"), "{command}: {error}");
    }
}

/// Nothing that a user names as an output takes the place of a device or of a run's own file.
#[cfg(unix)]
#[test]
fn outputs_leave_devices_links_and_the_files_of_runs_as_they_are() {
    use std::os::unix::fs::symlink;
    let sandbox = slow_and_fast();
    let history = || fs_err::read(sandbox.path("runs/fast/metrics.csv")).unwrap();
    let before = history();
    for (command, message) in [
        (
            "track runs/fast --csv runs/fast/metrics.csv",
            "--csv runs/fast/metrics.csv: that is a part of a run",
        ),
        ("track runs/slow --csv runs/fast/metrics.csv", "that is a part of a run"),
        ("track runs/fast --csv runs/slow/checkpoints/x.csv", "that is a part of a run"),
        ("track runs/fast --csv runs", "--csv: runs: a folder"),
        ("plot runs/fast --data-csv runs/fast/config.json", "that is a part of a run"),
        (
            "plot runs/fast --out x.svg --data-csv ./x.svg",
            "--out and --data-csv name the same file",
        ),
        ("plot runs/fast --out /dev/null", "a device or a pipe"),
        ("plot runs/fast --curve learning-rate --learning-rate", "--learning-rate: "),
        ("export runs/fast --gguf runs/fast/metrics.csv", "that is a part of a run"),
        ("export runs/fast --out new --gguf new", "--out and --gguf name the same file"),
    ] {
        let error = sandbox.fails(&command.split(' ').collect::<Vec<_>>());
        assert!(error.contains(message), "{command}: {error}");
    }
    assert_eq!(history(), before);
    assert!(!sandbox.path("x.svg").exists() && !sandbox.path("new").exists());

    sandbox.succeeds(&["track", "runs/fast", "--csv", "/dev/null"]);
    let table = sandbox.succeeds(&["track", "runs/fast", "--csv", "/dev/stdout"]);
    assert!(table.starts_with("step,timestamp,") && table.lines().count() > 20, "{table}");
    let data = sandbox.succeeds(&["plot", "runs/fast", "--data-csv", "/dev/stdout"]);
    assert!(data.starts_with("chart,axis,line,form,x,y,low,high"), "{data}");
    assert!(!fs_err::symlink_metadata("/dev/null").unwrap().is_file());

    // A link to a run is followed, and one to a table or a picture stays.
    symlink("fast", sandbox.path("runs/latest")).unwrap();
    sandbox.write("table.csv", "old");
    symlink("table.csv", sandbox.path("link.csv")).unwrap();
    sandbox.succeeds(&["track", "runs/latest", "--csv", "link.csv"]);
    assert!(sandbox.path("link.csv").is_symlink());
    assert!(fs_err::read_to_string(sandbox.path("table.csv")).unwrap().starts_with("step,"));
}

/// What of a history cannot be read is counted where it is left out.
#[test]
fn rows_that_are_left_out_are_counted() {
    let sandbox = slow_and_fast();
    let path = sandbox.path("runs/fast/metrics.csv");
    let text = fs_err::read_to_string(&path).unwrap();
    fs_err::write(&path, text.replace("train,3,", "train,x,").replace("train,4,", "train,"))
        .unwrap();
    for command in [
        "track runs/fast --csv fast.csv",
        "train --continue runs/fast --more-steps 5 --device cpu --dry-run",
    ] {
        let output = sandbox.minigpt(&command.split(' ').collect::<Vec<_>>());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        let expected = "warning: runs/fast/metrics.csv is damaged: 2 lines are left out; line ";
        assert_eq!(said.matches(expected).count(), 1, "{command}: {said}");
    }
}
