//! `minigpt sweep`.

use serde_json::Value;

use crate::support::{Sandbox, prose, steps_written};

/// Two rates with two seeds, in a second.
const RATES: &str = r#"
preset = "tiny"
data = "prose.txt"
seeds = [1, 2]
budget_minutes = 10

[set]
data.tokenizer = "bpe:300"
training.max_steps = 6
training.eval_every = 3
sample.max_tokens = 2

[vary]
schedule.learning_rate = [1e-2, 1e-5]
"#;

fn sandbox(sweep: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    sandbox.write("rates.toml", sweep);
    sandbox
}

const SWEEP: [&str; 5] = ["sweep", "rates.toml", "--device", "cpu", "--json"];

fn sweep(sandbox: &Sandbox) -> Value {
    serde_json::from_str(&sandbox.succeeds(&SWEEP)).unwrap()
}

#[test]
fn a_sweep_finds_the_better_rate_and_repeats_nothing() {
    let sandbox = sandbox(RATES);
    let planned = sandbox.succeeds(&[&SWEEP[..], &["--dry-run"]].concat());
    let planned: Value = serde_json::from_str(&planned).unwrap();
    assert_eq!((&planned["settings"], &planned["trials"]), (&2.into(), &4.into()));
    assert!(planned["minutes"].as_f64().unwrap() > 0.0);
    assert!(!sandbox.path("runs").exists());

    let record = sweep(&sandbox);
    let best = &record["settings"][0];
    assert_eq!(best["varied"]["schedule.learning_rate"], "0.01");
    let (good, bad) = (&best["mean"], &record["settings"][1]["mean"]);
    assert!(good.as_f64().unwrap() < bad.as_f64().unwrap());
    assert!(best["deviation"].as_f64().unwrap() > 0.0);
    assert!(sandbox.path("runs/rates/sweep.png").exists());

    // The winner's command is one, and each trial is a run like any other.
    let command = record["command"].as_str().unwrap();
    let words: Vec<&str> = command.split(' ').skip(1).chain(["--device", "cpu"]).collect();
    sandbox.succeeds(&[&words[..], &["--dry-run"]].concat());
    let run = "runs/rates/learning_rate=0.01-s1";
    assert_eq!(steps_written(&sandbox.path(run)), 6);
    let listed = sandbox.succeeds(&["runs", "runs/rates", "--json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 4);
    sandbox.succeeds(&[
        "plot",
        run,
        "runs/rates/learning_rate=0.01-s2",
        "--band",
        "--out",
        "a.png",
    ]);

    // Again: nothing is left. With another value its runs alone are new.
    let before = fs_err::metadata(sandbox.path(run).join("metrics.csv")).unwrap().modified();
    assert_eq!(sweep(&sandbox), record);
    sandbox.write("rates.toml", RATES.replace("[1e-2,", "[1e-2, 1e-3,"));
    let output = sandbox.minigpt(&SWEEP);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("6 trials, in runs/rates; 4 are there already"), "{errors}");
    assert_eq!(errors.matches("\ntrial ").count(), 2, "{errors}");
    let after = fs_err::metadata(sandbox.path(run).join("metrics.csv")).unwrap().modified();
    assert_eq!(before.unwrap(), after.unwrap());

    // Another setting under the same name is another run.
    sandbox.write("rates.toml", RATES.replace("max_steps = 6", "max_steps = 7"));
    let error = sandbox.fails(&SWEEP);
    assert!(error.contains("holds a run with another training.max_steps: choose another --name"));
}

#[test]
fn the_worse_half_stops_at_a_rung() {
    let halving = "[halving]\nrungs = [3]\n";
    let sandbox = sandbox(&format!("{}\n{halving}", RATES.replace("[1, 2]", "[1]")));
    let record = sweep(&sandbox);
    let steps = |setting: usize| record["settings"][setting]["runs"][0]["steps"].clone();
    assert_eq!((steps(0), steps(1)), (6.into(), 3.into()));
    assert_eq!(record["settings"][1]["ended_at"], 3);
    // What went on at the rung is what a run of its own would be.
    let straight = "train --preset tiny --data prose.txt --tokenizer bpe:300 --device cpu --max-steps 6 \
         --eval-every 3 --learning-rate 1e-2 --seed 1 --set sample.max_tokens=2 --name straight";
    sandbox.succeeds(&straight.split_whitespace().collect::<Vec<_>>());
    assert_eq!(
        crate::support::train_losses(&sandbox.path("runs/straight")),
        crate::support::train_losses(&sandbox.path("runs/rates/learning_rate=0.01-s1"))
    );
}

#[test]
fn a_budget_that_is_used_up_is_said_and_can_be_raised() {
    let sandbox = sandbox(&RATES.replace("budget_minutes = 10", "budget_minutes = 1e-5"));
    let output = sandbox.minigpt(&SWEEP);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{errors}");
    // One trial is always trained: else nothing would tell how long they take.
    assert_eq!(errors.matches("\ntrial ").count(), 1, "{errors}");
    assert!(errors.contains("raise budget_minutes to go on: minigpt sweep rates.toml"), "{errors}");
    sandbox.write("rates.toml", RATES);
    let record = sweep(&sandbox);
    assert!(record["settings"].as_array().unwrap().iter().all(|one| one["is_complete"] == true));
}

#[test]
fn what_is_wrong_is_said_before_the_first_trial() {
    for (from, to, expected) in [
        (
            "seeds = [1, 2]",
            "seed = 1",
            "rates.toml: not a valid sweep file: line 4: unknown field `seed`",
        ),
        ("training.max_steps", "training.max_step", "unknown setting `training.max_step`"),
        ("1e-5]", "-1.0]", "trial learning_rate=-1.0: schedule.learning_rate is out of range"),
        ("bpe:300", "bpe:3", "tokenizer"),
        ("prose.txt", "missing.txt", "missing.txt"),
    ] {
        let sandbox = sandbox(&RATES.replace(from, to));
        let error = sandbox.fails(&SWEEP);
        assert!(error.contains(expected), "{error}");
        assert!(!sandbox.path("runs").exists(), "{error}");
    }
    let sandbox = sandbox(RATES);
    assert!(sandbox.fails(&["sweep", "missing.toml"]).contains("missing.toml"));
}

/// A trial that breaks is no end of the sweep, and is not tried again.
#[test]
fn a_loss_that_is_no_number_ends_its_trial_alone() {
    let sandbox = sandbox(&RATES.replace("1e-5]", "1e30]").replace("[1, 2]", "[1]"));
    let record = sweep(&sandbox);
    let failed = record["failed"].as_object().unwrap();
    let (trial, error) = failed.iter().next().unwrap();
    assert!(trial.starts_with("learning_rate=1") && error.as_str().unwrap().contains("loss"));
    assert_eq!(record["settings"][1]["mean"], Value::Null);
    let output = sandbox.minigpt(&SWEEP);
    assert!(!String::from_utf8(output.stderr).unwrap().contains("\ntrial "));
}

#[cfg(unix)]
#[test]
fn ctrl_c_saves_and_the_same_command_goes_on() {
    use std::process::{Command, Stdio};

    use crate::support::wait_for;

    let sandbox = sandbox(
        &RATES.replace("max_steps = 6", "max_steps = 400").replace("every = 3", "every = 400"),
    );
    let mut command = sandbox.command(&SWEEP);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let run = sandbox.path("runs/rates/learning_rate=0.01-s1");
    assert!(wait_for(&mut child, || steps_written(&run) > 3));
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let steps = steps_written(&run);
    assert!(run.join(format!("checkpoints/step-{steps:06}/manifest.json")).exists());
    sandbox.write(
        "rates.toml",
        fs_err::read_to_string(sandbox.path("rates.toml"))
            .unwrap()
            .replace("[1, 2]", "[1]")
            .replace(", 1e-5", ""),
    );
    assert_eq!(sweep(&sandbox)["settings"][0]["is_complete"], true);
    assert_eq!(steps_written(&run), 400);
}
