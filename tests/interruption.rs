//! A run survives whatever stops it: signals, kills, full disks, damaged files, NaN losses.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use minigpt_train::{End, Row, Summary, read_metrics};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::support::{Sandbox, checksums, prose, start, steps_written, train_losses, wait_for};

/// A run with all the state that there is: dropout, an average of the weights, two optimisers.
const EVERYTHING: &str = "train --preset tiny --data prose.txt --tokenizer bpe:300 --device cpu \
    --dropout 0.1 --set training.ema_decay=0.9 --set optimizer.kind=muon --max-steps 300 \
    --eval-every 60 --save-every 4 --name";

fn words<'a>(command: &'a str, name: &'a str) -> Vec<&'a str> {
    command.split_whitespace().chain([name]).collect()
}

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    sandbox
}

/// The rows without what the clock says.
fn untimed(run: &Path) -> Vec<Row> {
    let rows = read_metrics(&run.join("metrics.csv")).unwrap();
    rows.into_iter().map(|row| Row { seconds: 0.0, tokens_per_second: 0.0, ..row }).collect()
}

#[track_caller]
fn assert_same(straight: &Path, broken: &Path, step: usize) {
    assert_eq!(untimed(straight), untimed(broken));
    let samples = |run: &Path| fs_err::read_to_string(run.join("samples.md")).unwrap();
    assert_eq!(samples(straight), samples(broken));
    assert_eq!(checksums(straight, step), checksums(broken, step));
}

/// Twenty times `kill -9` at a random moment, resumed each time.
#[test]
fn twenty_kills_leave_no_trace() {
    let sandbox = sandbox();
    let run = |name: &str| sandbox.path("runs").join(name);
    sandbox.succeeds(&words(EVERYTHING, "straight"));

    let mut child = start(&sandbox, &words(EVERYTHING, "broken"));
    let mut random = ChaCha8Rng::seed_from_u64(20);
    for kill in 1..=20 {
        let before = steps_written(&run("broken"));
        let steps = random.random_range(0..14);
        let began = wait_for(&mut child, || {
            run("broken/config.json").exists() && steps_written(&run("broken")) >= before + steps
        });
        assert!(began, "the run ended before kill {kill}");
        std::thread::sleep(Duration::from_micros(random.random_range(0..15_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        eprintln!("kill {kill:2}: {} steps in the metrics", steps_written(&run("broken")));
        child = start(&sandbox, &["train", "--resume", "runs/broken", "--device", "cpu"]);
    }
    assert!(child.wait().unwrap().success());
    assert_same(&run("straight"), &run("broken"), 300);
}

/// A run that goes on for hours unless it is stopped.
const ENDLESS: &str = "train --preset tiny --data prose.txt --tokenizer bpe:300 --device cpu \
    --dropout 0.1 --max-steps 1000000 --eval-every 1000000 --name run";

#[cfg(unix)]
fn signal(child: &Child, name: &str) {
    let kill = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
}

#[cfg(unix)]
#[test]
fn ctrl_c_and_sigterm_save_and_the_run_goes_on_from_there() {
    for (name, code) in [("-INT", 130), ("-TERM", 143)] {
        let sandbox = sandbox();
        let run = sandbox.path("runs/run");
        let mut child = start(&sandbox, &ENDLESS.split_whitespace().collect::<Vec<_>>());
        assert!(wait_for(&mut child, || steps_written(&run) >= 5), "it ended by itself");
        signal(&child, name);
        assert_eq!(child.wait().unwrap().code(), Some(code), "{name}");

        let summary = fs_err::read(run.join("summary.json")).unwrap();
        let summary: Summary = serde_json::from_slice(&summary).unwrap();
        assert_eq!((summary.end, summary.last), (End::Interrupted, None));
        let set = run.join(format!("checkpoints/step-{:06}", summary.steps));
        assert!(set.join("manifest.json").exists());

        resume_to_the_end_of_a_straight_run(&sandbox, summary.steps + 10);
    }
}

/// The full screen, in a terminal of util-linux's.
#[cfg(target_os = "linux")]
#[test]
fn sigterm_saves_under_the_full_screen_too() {
    let sandbox = sandbox();
    let run = sandbox.path("runs/run");
    let program = sandbox.command(&[]).get_program().to_string_lossy().into_owned();
    let shown = format!("stty rows 40 cols 120; echo $$ > pid; exec {program} {ENDLESS} --tui");
    let mut child = Command::new("script")
        .args(["-qec", &shown, "/dev/null"])
        .current_dir(sandbox.path("."))
        .env("MINIGPT_CACHE", sandbox.path("cache"))
        .env("TERM", "xterm")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    assert!(wait_for(&mut child, || steps_written(&run) >= 5), "it ended by itself");
    let id = fs_err::read_to_string(sandbox.path("pid")).unwrap();
    assert!(Command::new("kill").args(["-TERM", id.trim()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(143));
    let summary: Summary =
        serde_json::from_slice(&fs_err::read(run.join("summary.json")).unwrap()).unwrap();
    assert_eq!(summary.end, End::Interrupted);
    assert!(run.join(format!("checkpoints/step-{:06}/manifest.json", summary.steps)).exists());
}

#[test]
fn one_process_trains_in_a_folder() {
    let sandbox = sandbox();
    let run = sandbox.path("runs/run");
    let mut child = start(&sandbox, &ENDLESS.split_whitespace().collect::<Vec<_>>());
    assert!(wait_for(&mut child, || steps_written(&run) >= 1), "it ended by itself");
    let error = sandbox.fails(&["train", "--resume", "runs/run", "--device", "cpu"]);
    assert!(error.contains("another process is training in runs/run: "), "{error}");
    assert!(child.try_wait().unwrap().is_none(), "the first one was disturbed");
    child.kill().unwrap();
    child.wait().unwrap();
    // The lock went with its process.
    resume_to_the_end_of_a_straight_run(&sandbox, 20);
}

/// Makes the endless run one of `steps`, and compares what it then leaves with a straight one.
fn resume_to_the_end_of_a_straight_run(sandbox: &Sandbox, steps: usize) {
    let config = sandbox.path("runs/run/config.json");
    let text = fs_err::read_to_string(&config).unwrap().replace("1000000", &steps.to_string());
    fs_err::write(&config, &text).unwrap();
    sandbox.succeeds(&["train", "--resume", "runs/run", "--device", "cpu"]);
    let straight = ENDLESS.replace("1000000", &steps.to_string());
    let straight = straight.replace("--name run", "--name straight");
    sandbox.succeeds(&straight.split_whitespace().collect::<Vec<_>>());
    assert_same(&sandbox.path("runs/straight"), &sandbox.path("runs/run"), steps);
}

#[test]
fn killed_before_its_first_checkpoint_a_run_begins_again() {
    let sandbox = sandbox();
    let run = sandbox.path("runs/run");
    let mut child = start(&sandbox, &ENDLESS.split_whitespace().collect::<Vec<_>>());
    assert!(wait_for(&mut child, || steps_written(&run) >= 5), "it ended by itself");
    child.kill().unwrap();
    child.wait().unwrap();
    resume_to_the_end_of_a_straight_run(&sandbox, 20);
}

#[cfg(unix)]
#[test]
fn a_second_ctrl_c_leaves_at_once() {
    let sandbox = sandbox();
    let run = sandbox.path("runs/run");
    // One step takes seconds.
    let slow = ENDLESS.replace("--preset tiny", "--preset tiny --model mini --batch-size 32");
    let mut child = start(&sandbox, &slow.split_whitespace().collect::<Vec<_>>());
    assert!(wait_for(&mut child, || run.join("config.json").exists()), "it ended by itself");
    for _ in 0..2 {
        std::thread::sleep(Duration::from_millis(200));
        signal(&child, "-INT");
    }
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!run.join("summary.json").exists());
    assert!(!run.join("checkpoints/step-000001").exists());
}

/// A limit on the size of a file, which no write gets past, stands in for a full disk.
#[cfg(unix)]
#[test]
fn a_write_that_fails_ends_the_run_with_the_last_checkpoint_intact() {
    let sandbox = sandbox();
    let straight = "train --preset tiny --data prose.txt --tokenizer bpe:300 --device cpu \
                    --max-steps 20 --save-every 5 --name";
    sandbox.succeeds(&words(straight, "straight"));
    sandbox.succeeds(&words(straight, "run"));
    let sets = sandbox.path("runs/run/checkpoints");
    fs_err::remove_dir_all(sets.join("step-000020")).unwrap();

    let program = sandbox.command(&[]).get_program().to_owned();
    let limited = format!(
        "trap '' XFSZ; ulimit -f 500; exec {} train --resume runs/run --device cpu",
        program.to_string_lossy()
    );
    let output = Command::new("sh")
        .args(["-c", &limited])
        .current_dir(sandbox.path("."))
        .env("MINIGPT_CACHE", sandbox.path("cache"))
        .output()
        .unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    let last = errors.lines().last().unwrap();
    assert!(
        last.starts_with("error: ") && last.contains(".bpk") && last.contains("too large"),
        "{errors}"
    );
    let mut names: Vec<_> =
        fs_err::read_dir(&sets).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["step-000015"]);

    sandbox.succeeds(&["train", "--resume", "runs/run", "--device", "cpu"]);
    assert_same(&sandbox.path("runs/straight"), &sandbox.path("runs/run"), 20);
}

#[test]
fn a_nan_loss_ends_the_run_unless_steps_may_be_left_out() {
    let sandbox = sandbox();
    // The first step throws the weights so far that the second one's loss overflows.
    let diverging = "train --preset tiny --data prose.txt --tokenizer bpe:300 --device cpu \
        --max-steps 50 --save-every 1 --learning-rate 1e36 --set schedule.warmup_steps=1 --name";
    let error = sandbox.fails(&words(diverging, "stopped"));
    for part in [
        "at step 2 ",
        "learning rate 1.000e36",
        "gradient norm ",
        "windows 16 to 31 ",
        "training.skip_bad_steps",
        "the checkpoint of step 1 is kept",
    ] {
        assert!(error.contains(part), "`{part}` is not in: {error}");
    }
    let run = sandbox.path("runs/stopped");
    assert!(run.join("checkpoints/step-000001/manifest.json").exists());
    assert_eq!(train_losses(&run).len(), 1);

    let skipping =
        [&["train", "--skip-bad-steps", "3"], &words(diverging, "skipped")[1..]].concat();
    let output = sandbox.minigpt(&skipping);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert_eq!(errors.matches("warning: step left out: ").count(), 3, "{errors}");
    assert!(errors.lines().last().unwrap().contains("at step 5 "), "{errors}");
    // The weights of the steps left out are those before them.
    let run = sandbox.path("runs/skipped");
    assert_eq!(train_losses(&run).len(), 4);
    assert_eq!(
        checksums(&run, 4)["model.bpk"],
        checksums(&sandbox.path("runs/stopped"), 1)["model.bpk"]
    );
}

/// A set half-written, a torn line and a step too many: what a crash at a bad moment leaves.
#[test]
fn a_torn_run_is_resumed() {
    let sandbox = sandbox();
    let run = |name: &str| {
        let args = "train --preset tiny --dropout 0.1 --data prose.txt --tokenizer bpe:300 \
                    --device cpu --max-steps 30 --eval-every 10 --name";
        sandbox.succeeds(&words(args, name));
        sandbox.path("runs").join(name)
    };
    let (straight, broken) = (run("straight"), run("broken"));

    fs_err::remove_dir_all(broken.join("checkpoints/step-000030")).unwrap();
    let half_written = broken.join("checkpoints/step-000030.partial");
    fs_err::create_dir(&half_written).unwrap();
    fs_err::write(half_written.join("model.bpk"), "half").unwrap();
    let mut metrics = fs_err::read_to_string(broken.join("metrics.csv")).unwrap();
    metrics.truncate(metrics.len() - 20);
    fs_err::write(broken.join("metrics.csv"), metrics).unwrap();
    sandbox.succeeds(&["train", "--resume", "runs/broken", "--device", "cpu"]);

    assert_same(&straight, &broken, 30);
    let complete = sandbox.fails(&["train", "--resume", "runs/broken", "--device", "cpu"]);
    assert!(complete.contains("is complete after 30 steps"), "{complete}");
}

/// What lies beside whole checkpoints keeps no run from going on: it is named and set aside.
#[test]
fn files_that_are_missing_or_damaged_beside_the_checkpoints_are_set_aside() {
    let sandbox = sandbox();
    let train = "train --preset tiny --dropout 0.1 --data prose.txt --tokenizer bpe:300 --device cpu \
        --max-steps 30 --eval-every 10 --name";
    sandbox.succeeds(&words(train, "straight"));
    let straight = sandbox.path("runs/straight");
    let stray = |run: &Path| {
        fs_err::create_dir(run.join("checkpoints/step-700")).unwrap();
        fs_err::write(run.join("checkpoints/step-000040.partial"), "the user's").unwrap();
    };
    let bad_row = |run: &Path| {
        let text = fs_err::read_to_string(run.join("metrics.csv")).unwrap();
        let text = text.replacen("train,3,", "train,three,", 1);
        fs_err::write(run.join("metrics.csv"), text).unwrap();
    };
    let no_rows = |run: &Path| fs_err::remove_file(run.join("metrics.csv")).unwrap();
    let no_text = |run: &Path| {
        let text = [&fs_err::read(run.join("samples.md")).unwrap()[..], b"\xff\n"].concat();
        fs_err::write(run.join("samples.md"), text).unwrap();
    };
    type Damage<'a> = &'a dyn Fn(&Path);
    let breaks: [(Damage<'_>, &[&str]); 4] = [
        (&stray, &["checkpoints/step-700 is not", "checkpoints/step-000040.partial is not"]),
        (&bad_row, &["metrics.csv is damaged: line 4: "]),
        (&no_rows, &["metrics.csv is missing: curves begin anew"]),
        (&no_text, &["samples.md is damaged: byte "]),
    ];
    for (number, (damage, messages)) in breaks.into_iter().enumerate() {
        let name = format!("broken-{number}");
        sandbox.succeeds(&words(train, &name));
        let run = sandbox.path("runs").join(&name);
        fs_err::remove_dir_all(run.join("checkpoints/step-000030")).unwrap();
        damage(&run);
        let output =
            sandbox.minigpt(&["train", "--resume", &format!("runs/{name}"), "--device", "cpu"]);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{errors}");
        let warnings: Vec<_> =
            errors.lines().filter(|line| line.starts_with("warning: ")).collect();
        assert_eq!(warnings.len(), messages.len(), "{errors}");
        for message in messages {
            assert!(warnings.iter().any(|line| line.contains(message)), "{message}: {errors}");
        }
        assert_eq!(checksums(&straight, 30), checksums(&run, 30));
        let rows = train_losses(&run).len();
        assert_eq!(rows, [30, 29, 10, 30][number]);
    }
    let kept = sandbox.path("runs/broken-0/checkpoints/step-000040.partial.damaged");
    assert_eq!(fs_err::read_to_string(kept).unwrap(), "the user's");
    let kept = fs_err::read_to_string(sandbox.path("runs/broken-1/metrics.csv.damaged")).unwrap();
    assert!(kept.contains("train,three,"));
}

#[test]
fn a_nan_before_the_first_checkpoint_is_told_as_it_is() {
    let sandbox = sandbox();
    let diverging = "train --preset tiny --data prose.txt --tokenizer bpe:300 --device cpu \
        --max-steps 50 --learning-rate 1e36 --set schedule.warmup_steps=1 --name";
    let error = sandbox.fails(&words(diverging, "none"));
    assert!(
        error.contains("at step 2 ") && error.contains("there is no checkpoint yet"),
        "{error}"
    );
    assert!(!error.contains("is kept"), "{error}");
    let some = diverging.replace("--name", "--save-every 1 --name");
    let error = sandbox.fails(&words(&some, "some"));
    assert!(error.ends_with("the checkpoint of step 1 is kept"), "{error}");
    // A validation of weights that are no good leaves no checkpoint of them.
    let validated = diverging.replace("--name", "--eval-every 1 --name");
    let error = sandbox.fails(&words(&validated, "validated"));
    assert!(error.contains("validation loss ") && error.contains(" after step 1"), "{error}");
    assert!(!sandbox.path("runs/validated/checkpoints/step-000001").exists());
}

#[test]
fn runs_that_begin_together_take_a_name_each() {
    let sandbox = sandbox();
    let train =
        "train --preset tiny --data prose.txt --tokenizer bpe:300 --device cpu --max-steps 3";
    let mut children: Vec<Child> =
        (0..3).map(|_| start(&sandbox, &train.split(' ').collect::<Vec<_>>())).collect();
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    for name in ["tiny", "tiny-2", "tiny-3"] {
        assert_eq!(train_losses(&sandbox.path("runs").join(name)).len(), 3, "{name}");
    }
    assert_eq!(fs_err::read_dir(sandbox.path("runs")).unwrap().count(), 3);
}

#[cfg(unix)]
#[test]
fn a_lock_that_is_a_link_is_refused_and_its_target_left() {
    let sandbox = sandbox();
    let train = "train --preset tiny --data prose.txt --tokenizer bpe:300 --device cpu --max-steps 3 --name run";
    fs_err::create_dir_all(sandbox.path("runs/run")).unwrap();
    let lock = sandbox.path("runs/run/train.lock");
    std::os::unix::fs::symlink(sandbox.path("prose.txt"), &lock).unwrap();
    let error = sandbox.fails(&train.split(' ').collect::<Vec<_>>());
    assert!(error.contains("train.lock: a symbolic link; expected a file to lock"), "{error}");
    assert_eq!(fs_err::read_to_string(sandbox.path("prose.txt")).unwrap(), prose());
    fs_err::remove_file(lock).unwrap();
    sandbox.succeeds(&train.split(' ').collect::<Vec<_>>());
}
