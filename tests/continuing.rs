//! `minigpt train --continue`: a run goes on after its end.

use std::path::Path;

use minigpt_train::{Row, RowSplit, RunConfig, Summary, read_metrics};
use serde_json::Value;

use crate::support::{Sandbox, checksums, prose, start, steps_written, wait_for};

/// A run with all the state that there is: dropout, an average of the weights, two optimisers.
const EVERYTHING: &str = "train --preset tiny --data prose.txt --tokenizer bpe:300 --device cpu \
    --dropout 0.1 --set training.ema_decay=0.9 --set optimizer.kind=muon --set sample.max_tokens=4 \
    --set schedule.warmup_steps=5 --eval-every 10";

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    sandbox
}

/// Trains a run with all the state that there is, and what `more` says.
fn train(sandbox: &Sandbox, more: &str) {
    let words: Vec<&str> = EVERYTHING.split_whitespace().chain(more.split_whitespace()).collect();
    sandbox.succeeds(&words);
}

fn words(command: &str) -> Vec<&str> {
    command.split_whitespace().collect()
}

/// What is written on standard error by a continuation.
#[track_caller]
fn goes_on(sandbox: &Sandbox, more: &str) -> String {
    let command = format!("train --device cpu --continue {more}");
    let output = sandbox.minigpt(&words(&command));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "minigpt {command} failed:\n{errors}");
    errors
}

/// The error line of a continuation that is refused.
#[track_caller]
fn is_refused(sandbox: &Sandbox, more: &str) -> String {
    sandbox.fails(&words(&format!("train --device cpu --continue {more}")))
}

fn config(run: &Path) -> RunConfig {
    serde_json::from_slice(&fs_err::read(run.join("config.json")).unwrap()).unwrap()
}

fn summary(run: &Path) -> Summary {
    serde_json::from_slice(&fs_err::read(run.join("summary.json")).unwrap()).unwrap()
}

/// The rows of the steps without what the clock says.
fn steps(run: &Path) -> Vec<Row> {
    let rows = read_metrics(&run.join("metrics.csv")).unwrap();
    let steps = rows.into_iter().filter(|row| row.split == RowSplit::Train);
    steps.map(|row| Row { seconds: 0.0, tokens_per_second: 0.0, ..row }).collect()
}

/// A constant rate: continued once, and once more, the run is the one that was planned so.
#[test]
fn a_constant_rate_goes_on_as_if_planned_so() {
    let sandbox = sandbox();
    let run = |name: &str| sandbox.path("runs").join(name);
    let constant = "--set schedule.decay=constant --name";
    train(&sandbox, &format!("--max-steps 60 {constant} straight"));
    train(&sandbox, &format!("--max-steps 20 {constant} short"));
    let before = fs_err::read(run("short/metrics.csv")).unwrap();

    let said = goes_on(&sandbox, "runs/short --more-steps 20");
    assert!(
        said.contains("continuing: runs/short from the checkpoint of step 20: 20 steps"),
        "{said}"
    );
    assert!(said.contains("3.00e-3 to the end: as in a run planned so from its start"), "{said}");
    goes_on(&sandbox, "runs/short-2 --more-steps 20");
    assert_eq!(steps(&run("straight")), steps(&run("short-3")));
    assert_eq!(checksums(&run("straight"), 60), checksums(&run("short-3"), 60));
    // The samples of the whole history, and the seams.
    let samples = |name: &str| fs_err::read_to_string(run(name).join("samples.md")).unwrap();
    assert_eq!(samples("straight"), samples("short-3"));
    let origins = config(&run("short-3")).continued;
    let origins: Vec<_> = origins.iter().map(|one| (one.run.as_str(), one.step)).collect();
    assert_eq!(origins, [("runs/short", 20), ("runs/short-2", 40)]);
    assert_eq!(summary(&run("straight")).best.unwrap().step, 60);
    assert_eq!(summary(&run("short-3")).best, summary(&run("straight")).best);
    // The report names the preset of the first run, and where this one comes from.
    sandbox.succeeds(&["report", "runs/short-3"]);
    let report = fs_err::read_to_string(run("short-3/report/report.md")).unwrap();
    for part in [
        "The settings start from the preset `tiny`",
        "It continues from step 20 of run `runs/short`.",
        "It continues from step 40 of run `runs/short-2`.",
        "Run `runs/short-2` must be made first; its commands are in its own report.",
        "`schedule.decay` | constant | cosine",
    ] {
        assert!(report.contains(part), "{part}:\n{report}");
    }
    assert!(!report.contains("Run `runs/short` must"), "{report}");
    let environment = fs_err::read(run("short-3/environment.json")).unwrap();
    let environment: Value = serde_json::from_slice(&environment).unwrap();
    assert_eq!(environment["preset"]["name"], "tiny");
    assert_eq!(environment["preset"]["changed"]["schedule.decay"], "cosine");
    // Where an earlier version recorded none, its command does not name it either.
    let mut unknown = environment;
    unknown.as_object_mut().unwrap().remove("preset");
    fs_err::write(run("short-3/environment.json"), unknown.to_string()).unwrap();
    sandbox.succeeds(&["report", "runs/short-3"]);
    let report = fs_err::read_to_string(run("short-3/report/report.md")).unwrap();
    assert!(!report.contains("start from the preset"), "{report}");
    // The first run is as it was.
    assert_eq!(fs_err::read(run("short/metrics.csv")).unwrap(), before);
    assert_eq!(summary(&run("short")).steps, 20);
    assert_eq!(config(&run("short")).continued, []);
}

/// Warm-up, stable, decay: it goes on from before the decay, and all of it is as planned so.
#[test]
fn a_stable_rate_goes_on_from_before_its_fall() {
    let sandbox = sandbox();
    let run = |name: &str| sandbox.path("runs").join(name);
    let stable = "--set schedule.decay=stable --set training.keep_last=1 --name";
    train(&sandbox, &format!("--max-steps 50 {stable} straight"));
    train(&sandbox, &format!("--max-steps 30 {stable} short"));
    // The last step at the peak is the 24th, and its checkpoint is kept beside the best and the last.
    assert!(run("short/checkpoints/step-000024").is_dir());
    assert!(!run("short/checkpoints/step-000020").exists());

    let said = goes_on(&sandbox, "runs/short --more-steps 20 --name longer");
    let from = "after its 30 steps, from the checkpoint of step 24 before its learning rate fell: 26 steps up to step 50";
    assert!(said.contains(from), "{said}");
    assert_eq!(steps(&run("straight")), steps(&run("longer")));
    assert_eq!(checksums(&run("straight"), 50), checksums(&run("longer"), 50));
    // A branch shorter than its decay falls all the way, from the peak on.
    goes_on(&sandbox, "runs/short/checkpoints/step-000024 --more-steps 4 --name cooled");
    let rates: Vec<f64> =
        steps(&run("cooled"))[23..].iter().map(|row| row.learning_rate.unwrap()).collect();
    assert_eq!(rates[0], 3e-3);
    assert!((rates[4] - 3e-4).abs() < 1e-12, "{rates:?}");
    assert!(rates.windows(2).all(|pair| pair[1] < pair[0]), "{rates:?}");
}

/// Pruning leaves what a longer run goes on from.
#[test]
fn a_pruned_run_goes_on_from_before_its_fall() {
    let sandbox = sandbox();
    let run = |name: &str| sandbox.path("runs").join(name);
    let stable = "--set schedule.decay=stable --set training.keep_last=5 --name";
    train(&sandbox, &format!("--max-steps 50 {stable} straight"));
    train(&sandbox, &format!("--max-steps 30 {stable} short"));
    assert!(run("short/checkpoints/step-000010").is_dir());
    sandbox.succeeds(&words("runs runs/short --prune --yes"));
    assert!(!run("short/checkpoints/step-000010").exists());
    assert!(run("short/checkpoints/step-000024/optimizer.bpk").is_file());
    let said = goes_on(&sandbox, "runs/short --more-steps 20 --name longer");
    assert!(
        said.contains("from the checkpoint of step 24 before its learning rate fell"),
        "{said}"
    );
    assert_eq!(steps(&run("straight")), steps(&run("longer")));
    assert_eq!(checksums(&run("straight"), 50), checksums(&run("longer"), 50));
}

/// A checkpoint that has no moments any more is refused before anything is written.
#[test]
fn a_pruned_checkpoint_is_refused() {
    let sandbox = sandbox();
    train(&sandbox, "--max-steps 20 --set training.keep_last=5 --name run");
    // As if the loss had risen again: the best is not the last.
    let path = sandbox.path("runs/run/checkpoints/step-000010/manifest.json");
    let mut set: Value = serde_json::from_slice(&fs_err::read(&path).unwrap()).unwrap();
    set["validation"]["nats"] = 1.0.into();
    fs_err::write(&path, set.to_string()).unwrap();
    sandbox.succeeds(&words("runs runs/run --prune --yes"));
    assert!(!path.with_file_name("optimizer.bpk").exists());
    for name in ["", "--name other"] {
        let more = format!("runs/run --more-steps 2 --from-step 10 {name}");
        let error = is_refused(&sandbox, &more);
        assert!(error.contains("step-000010 has no optimiser state"), "{error}");
    }
    let runs = fs_err::read_dir(sandbox.path("runs")).unwrap();
    assert_eq!(runs.count(), 1, "a refused run leaves no folder");
}

/// What a process left there that ended before the folder was a run is not taken for the run's own.
#[test]
fn a_folder_that_is_no_run_yet_gives_nothing_to_the_run() {
    let sandbox = sandbox();
    let run = |name: &str| sandbox.path("runs").join(name);
    let constant = "--set schedule.decay=constant --name";
    train(&sandbox, &format!("--max-steps 20 {constant} short"));
    train(&sandbox, &format!("--max-steps 100 {constant} foreign"));
    let sets = run("longer/checkpoints");
    fs_err::create_dir_all(&sets).unwrap();
    let foreign = run("foreign/checkpoints/step-000100");
    fs_err::rename(&foreign, sets.join("step-000100")).unwrap();
    fs_err::write(run("longer/events.out.tfevents.1.1"), "rubbish").unwrap();
    fs_err::write(run("longer/notes.txt"), "mine").unwrap();

    goes_on(&sandbox, "runs/short --more-steps 10 --name longer");
    assert_eq!(summary(&run("longer")).steps, 30);
    assert!(!sets.join("step-000100").exists());
    assert!(!run("longer/events.out.tfevents.1.1").exists());
    assert!(run("longer/notes.txt").exists());
    assert_eq!(steps(&run("longer"))[..], steps(&run("foreign"))[..30]);
}

/// A branch that cannot be written leaves no folder.
#[test]
fn a_branch_that_fails_leaves_nothing() {
    let sandbox = sandbox();
    train(&sandbox, "--max-steps 10 --name short");
    let start = sandbox.path("runs/short/start.json");
    fs_err::remove_file(&start).unwrap();
    fs_err::create_dir(&start).unwrap();
    for name in ["", "--name other"] {
        let error = is_refused(&sandbox, &format!("runs/short --more-steps 2 {name}"));
        assert!(error.contains("start.json"), "{error}");
    }
    assert_eq!(fs_err::read_dir(sandbox.path("runs")).unwrap().count(), 1);
}

/// The figures of an end that is no end any more are told of no run.
#[test]
fn a_resumed_run_that_is_killed_has_not_ended() {
    let sandbox = sandbox();
    train(&sandbox, "--max-steps 20 --set schedule.decay=constant --name run");
    let run = sandbox.path("runs/run");
    let longer = config(&run).with_setting("training.max_steps", "100000").unwrap();
    fs_err::write(run.join("config.json"), serde_json::to_vec(&longer).unwrap()).unwrap();
    let mut child = start(&sandbox, &words("train --resume runs/run --device cpu"));
    assert!(wait_for(&mut child, || steps_written(&run) >= 24), "the run ended");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!run.join("summary.json").exists());
    let listed: Value =
        serde_json::from_str(&sandbox.succeeds(&words("runs runs/run --json"))).unwrap();
    assert_eq!(listed[0]["state"], "interrupted");
}

/// A cosine that has come down rises to its peak and falls again; the seam is no step in the loss.
#[test]
fn a_rate_that_has_fallen_rises_again() {
    let sandbox = sandbox();
    let run = |name: &str| sandbox.path("runs").join(name);
    train(&sandbox, "--epochs 3 --max-steps 40 --name short");
    let plan = sandbox.succeeds(&words(
        "train --device cpu --continue runs/short --more-epochs 2 --dry-run --json",
    ));
    assert!(!run("short-2").exists());
    let events: Vec<Value> = plan.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (plan, length) = (&events[0], &events[1]["length"]);
    assert_eq!((&plan["event"], &events[1]["event"]), (&"continuation".into(), &"plan".into()));
    let pass = length["steps_per_pass"].as_u64().unwrap();
    assert_eq!(plan["total_steps"], 40 + 2 * pass);
    assert_eq!(length["total_steps"], 40 + 2 * pass);
    assert_eq!(events[1]["steps_taken"], 40);

    let said = goes_on(&sandbox, "runs/short --more-steps 40");
    assert!(said.contains("rises from 3.00e-4 to 3.00e-3 over 4 steps"), "{said}");
    let rates: Vec<f64> =
        steps(&run("short-2")).iter().map(|row| row.learning_rate.unwrap()).collect();
    assert_eq!(rates.len(), 80);
    let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-9, "{found}");
    close(rates[39], 3e-4);
    close(rates[40], 9.75e-4);
    close(rates[43], 3e-3);
    close(rates[79], 3e-4);
    let losses: Vec<f64> = steps(&run("short-2")).iter().map(|row| row.loss).collect();
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    let (before, after) = (mean(&losses[37..40]), mean(&losses[40..43]));
    assert!((after - before).abs() < 0.15, "{before} before the seam and {after} after it");
    // Where it goes is told.
    let said = goes_on(
        &sandbox,
        "runs/short --more-steps 4 --learning-rate 0.001 --set schedule.warmup_steps=2 --name told",
    );
    assert!(said.contains("rises from 3.00e-4 to 1.00e-3 over 2 steps"), "{said}");
}

#[test]
fn a_continuation_that_is_killed_is_resumed() {
    let sandbox = sandbox();
    let run = |name: &str| sandbox.path("runs").join(name);
    train(&sandbox, "--max-steps 20 --save-every 4 --set schedule.decay=stable --name short");
    let longer = "train --device cpu --continue runs/short --more-steps 100 --name";
    sandbox.succeeds(&[&words(longer)[..], &["straight"]].concat());
    let mut child = start(&sandbox, &[&words(longer)[..], &["broken"]].concat());
    for killed_after in [18, 40, 75] {
        let began = wait_for(&mut child, || steps_written(&run("broken")) >= killed_after);
        assert!(began, "the run ended before step {killed_after}");
        child.kill().unwrap();
        child.wait().unwrap();
        child = start(&sandbox, &words("train --resume runs/broken --device cpu"));
    }
    assert!(child.wait().unwrap().success());
    assert_eq!(steps(&run("straight")), steps(&run("broken")));
    assert_eq!(checksums(&run("straight"), 120), checksums(&run("broken"), 120));
    let without_seconds =
        |name: &str| Summary { seconds: 0.0, peak_memory: None, ..summary(&run(name)) };
    assert_eq!(without_seconds("straight"), without_seconds("broken"));
}

/// What a run was, with which text, is not to be changed; each refusal says what to do.
#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let sandbox = sandbox();
    train(&sandbox, "--max-steps 10 --name run");
    for (more, parts) in [
        ("runs/none --more-steps 2", &["runs/none does not exist"][..]),
        (
            "runs/run --more-steps 2 --from-step 7",
            &["no checkpoint of step 7: expected one of [10]"],
        ),
        ("runs/run/checkpoints/step-000010 --more-steps 2 --from-step 7", &["--from-step 7: "]),
        ("runs/run --more-steps 2 --name run", &["runs/run already holds a run"]),
        ("runs/run --more-steps 2 --name run --dry-run", &["runs/run already holds a run"]),
        ("runs/run --more-steps 2 --set optimizer.kind=adamw", &["optimizer.kind cannot change"]),
        ("runs/run --more-steps 2 --set model.n_layer=3", &["model.n_layer cannot change"]),
        (
            "runs/run --more-steps 2 --set training.seed=7",
            &["training.seed cannot change", "schedule.decay"],
        ),
        (
            "runs/run --more-steps 4294967295",
            &["--more-steps 4294967295: too many steps to add after 10: a run has at most"],
        ),
        ("runs/run --more-epochs 4294967295", &["--more-epochs 4294967295: too many steps to add"]),
        ("runs/run --more-minutes 1e300", &["--more-minutes 1", ": too many steps to add"]),
    ] {
        let error = is_refused(&sandbox, more);
        assert!(parts.iter().all(|part| error.contains(part)), "{more}: {error}");
    }
    for more in
        ["--data prose.txt", "--tokenizer char", "--model mini", "--batch-size 2", "--seed 1"]
    {
        let command = format!("train --continue runs/run --more-steps 2 {more}");
        let output = sandbox.minigpt(&words(&command));
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(errors.contains(more.split(' ').next().unwrap()), "{errors}");
    }
    for command in ["train --continue runs/run", "train --more-steps 2", "train --from-step 2"] {
        assert_eq!(sandbox.minigpt(&words(command)).status.code(), Some(2), "{command}");
    }

    let resumed = sandbox.fails(&words("train --resume runs/run --device cpu"));
    assert!(resumed.ends_with("minigpt train --continue runs/run --more-epochs 1"), "{resumed}");
    fs_err::rename(sandbox.path("prose.txt"), sandbox.path("kept.txt")).unwrap();
    sandbox.write("prose.txt", prose().replace("Anne", "Anna"));
    let error = is_refused(&sandbox, "runs/run --more-steps 2");
    assert!(error.contains("the tokenizer of runs/run has changed"), "{error}");
    fs_err::rename(sandbox.path("kept.txt"), sandbox.path("prose.txt")).unwrap();
    assert!(!sandbox.path("runs/run-2").exists());

    // Without its last checkpoint it has not ended.
    train(&sandbox, "--max-steps 10 --save-every 5 --name cut");
    fs_err::remove_dir_all(sandbox.path("runs/cut/checkpoints/step-000010")).unwrap();
    let error = is_refused(&sandbox, "runs/cut --more-steps 2");
    assert!(error.contains("is unfinished: 5 of its 10 steps are done"), "{error}");
    assert!(error.ends_with("minigpt train --resume runs/cut"), "{error}");
    // But a branch may leave it.
    let said = goes_on(&sandbox, "runs/cut --more-steps 2 --from-step 5");
    assert!(said.contains("from the checkpoint of step 5: 2 steps up to step 7"), "{said}");
}

/// An early end is an end; patience counts anew, and the best of all is in the new folder.
#[test]
fn the_best_checkpoint_before_the_seam_goes_with_the_run() {
    let sandbox = sandbox();
    let run = |name: &str| sandbox.path("runs").join(name);
    // A rate so high that what follows its warm-up is worse.
    let spoilt = "--set schedule.decay=constant --set schedule.warmup_steps=30 --learning-rate 0.5 \
        --set training.patience=2 --max-steps 200 --name spoilt";
    train(&sandbox, spoilt);
    let ended = summary(&run("spoilt"));
    let (best, last) = (ended.best.unwrap().step, ended.steps);
    assert!(best < last && last < 200, "{ended:?}");
    let resumed = sandbox.fails(&words("train --resume runs/spoilt --device cpu"));
    assert!(resumed.ends_with("minigpt train --continue runs/spoilt --more-epochs 1"), "{resumed}");

    goes_on(&sandbox, "runs/spoilt --more-steps 10 --learning-rate 0.0001");
    let run = run("spoilt-2");
    assert_eq!(summary(&run).steps, last + 10);
    assert!(run.join(format!("checkpoints/step-{best:06}/model.bpk")).is_file());
    assert_eq!(summary(&run).best, ended.best);
    sandbox.succeeds(&words("generate runs/spoilt-2 --prompt Anne --max-tokens 2 --device cpu"));
}

#[test]
fn a_tuned_model_goes_on() {
    let sandbox = sandbox();
    train(&sandbox, "--max-steps 4 --name base");
    sandbox
        .write("reviews.csv", "text,label\nAnne,yes\nEmma,no\nLondon,yes\nBath,no\nthe sea,yes\n");
    sandbox.succeeds(&words(
        "finetune runs/base --task classify --data reviews.csv --max-steps 3 \
            --set training.patience=9 --device cpu --name tuned",
    ));
    let base = summary(&sandbox.path("runs/tuned")).base;
    assert!(base.is_some());
    let said = goes_on(&sandbox, "runs/tuned --more-epochs 1");
    assert!(said.contains("continuing: runs/tuned from the checkpoint of step 3: "), "{said}");
    let run = sandbox.path("runs/tuned-2");
    assert_eq!(summary(&run).base, base);
    assert!(run.join("evaluation/classify.json").is_file());
    sandbox.succeeds(&words("classify runs/tuned-2 Anne --device cpu"));
}

/// The minutes of the run before would end the steps that are asked for now.
#[test]
fn minutes_are_those_that_are_given_now() {
    let sandbox = sandbox();
    train(&sandbox, "--max-steps 4 --max-minutes 5 --name run");
    goes_on(&sandbox, "runs/run --more-steps 2 --name without");
    assert_eq!(config(&sandbox.path("runs/without")).training.max_minutes, None);
    goes_on(&sandbox, "runs/run --more-steps 2 --max-minutes 7 --name with");
    assert_eq!(config(&sandbox.path("runs/with")).training.max_minutes, Some(7.0));
}
