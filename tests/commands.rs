//! The commands from end to end, as a newcomer would type them.

use minigpt_train::{End, Manifest, RunConfig, Split, Summary};

use crate::support::{Sandbox, losses, prose, train_losses, weights};

const TINY: [&str; 13] = [
    "train",
    "--preset",
    "tiny",
    "--data",
    "prose.txt",
    "--tokenizer",
    "bpe:300",
    "--name",
    "first",
    "--device",
    "cpu",
    "--seed",
    "7",
];

fn train(sandbox: &Sandbox, more: &[&str]) -> String {
    sandbox.write("prose.txt", prose());
    sandbox.succeeds(&[&TINY, more].concat())
}

/// The summary, which is the last of the lines that `--json` prints.
fn last_event(output: &str) -> Summary {
    let mut event: serde_json::Value =
        serde_json::from_str(output.lines().last().unwrap()).unwrap();
    assert_eq!(event.as_object_mut().unwrap().remove("event").unwrap(), "summary");
    serde_json::from_value(event).unwrap()
}

#[test]
fn a_run_leaves_everything_that_the_run_folder_promises() {
    let sandbox = Sandbox::new();
    let output = train(&sandbox, &["--max-steps", "40", "--eval-every", "10", "--json"]);
    let summary = last_event(&output);
    assert_eq!((summary.steps, summary.end, summary.samples.len()), (40, End::Complete, 3));
    let last = summary.last.unwrap();
    assert!((last.token_perplexity.ln() - last.loss).abs() < 1e-9);

    let run = sandbox.path("runs/first");
    for file in ["environment.json", "tokenizer.json", "samples.md", "summary.json", "loss.png"] {
        assert!(run.join(file).metadata().unwrap().len() > 0, "{file}");
    }
    let config: RunConfig =
        serde_json::from_slice(&fs_err::read(run.join("config.json")).unwrap()).unwrap();
    assert_eq!((config.training.seed, config.model.vocab_size), (7, 300));

    let train = train_losses(&run);
    let valid = losses(&run, Split::Valid);
    assert_eq!((train.len(), valid.len()), (40, 4));
    assert!((train[0] / 300f64.ln() - 1.0).abs() < 0.02, "first loss {}", train[0]);
    assert!(valid[3] < valid[0] - 0.5, "nothing was learnt: {valid:?}");
    assert_eq!(valid[3], last.loss);

    let samples = fs_err::read_to_string(run.join("samples.md")).unwrap();
    assert_eq!(samples.matches("## step ").count(), 4);
}

#[test]
fn the_best_and_the_last_two_checkpoints_are_kept_whole() {
    let sandbox = Sandbox::new();
    train(&sandbox, &["--max-steps", "50", "--eval-every", "10"]);
    let folder = sandbox.path("runs/first/checkpoints");
    let mut names: Vec<String> = fs_err::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["step-000040", "step-000050"], "the loss only fell: the best is the last");
    let manifest = fs_err::read(folder.join("step-000050/manifest.json")).unwrap();
    let manifest: Manifest = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest.step, 50);
    assert_eq!(manifest.sha256.len(), 4);
}

#[test]
fn the_same_seed_gives_the_same_losses_and_another_seed_others() {
    let sandbox = Sandbox::new();
    let run = |name: &str, seed: &str| {
        let more = ["--max-steps", "12", "--name", name, "--seed", seed];
        sandbox.write("prose.txt", prose());
        sandbox.succeeds(&[&TINY[..7], &["--device", "cpu"], &more].concat());
        train_losses(&sandbox.path("runs").join(name))
    };
    let first = run("a", "1");
    assert_eq!(first, run("b", "1"));
    assert_ne!(first, run("c", "2"));
}

#[test]
fn a_trained_run_can_be_continued_in_text_and_drawn() {
    let sandbox = Sandbox::new();
    train(&sandbox, &["--max-steps", "30"]);
    let generate = ["generate", "runs/first", "--prompt", "In the", "--device", "cpu"];

    let greedy = sandbox.succeeds(&[&generate[..], &["--greedy", "--max-tokens", "20"]].concat());
    assert!(greedy.starts_with("In the"), "{greedy}");
    let drawn = |seed| {
        let more = ["--temperature", "1.3", "--max-tokens", "80", "--seed", seed];
        sandbox.succeeds(&[&generate[..], &more].concat())
    };
    assert_eq!(drawn("5"), drawn("5"));
    assert_ne!(drawn("5"), drawn("6"));
    let json = sandbox.succeeds(&[&generate[..], &["--json", "--max-tokens", "20"]].concat());
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(json["text"].as_str().unwrap().starts_with("In the"));

    let before = fs_err::read(sandbox.path("runs/first/loss.png")).unwrap();
    fs_err::remove_file(sandbox.path("runs/first/loss.png")).unwrap();
    sandbox.succeeds(&["plot", "runs/first"]);
    assert_eq!(fs_err::read(sandbox.path("runs/first/loss.png")).unwrap(), before);
    sandbox.succeeds(&["plot", "runs/first", "runs/first", "--out", "both.png"]);
    assert!(sandbox.path("both.png").exists());
}

#[test]
fn a_name_that_is_taken_is_refused_and_without_one_the_next_is_found() {
    let sandbox = Sandbox::new();
    train(&sandbox, &["--max-steps", "2"]);
    let error = sandbox.fails(&TINY);
    assert!(error.contains("already holds a run"), "{error}");

    let unnamed = [&TINY[..7], &["--device", "cpu", "--max-steps", "2"]].concat();
    sandbox.succeeds(&unnamed);
    sandbox.succeeds(&unnamed);
    assert!(sandbox.path("runs/tiny/summary.json").exists());
    assert!(sandbox.path("runs/tiny-2/summary.json").exists());
}

#[test]
fn devices_lists_the_processor() {
    let sandbox = Sandbox::new();
    assert!(sandbox.succeeds(&["devices"]).starts_with("cpu "));
    let json: serde_json::Value =
        serde_json::from_str(&sandbox.succeeds(&["devices", "--json"])).unwrap();
    assert!(json.is_array());
}

#[cfg(unix)]
#[test]
fn ctrl_c_saves_and_says_so() {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose().repeat(20));
    let mut child = sandbox
        .command(&TINY)
        .args(["--max-steps", "100000", "--epochs", "100000", "--eval-every", "100000"])
        .stderr(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let metrics = sandbox.path("runs/first/metrics.csv");
    while !metrics.metadata().is_ok_and(|file| file.len() > 500) {
        assert!(child.try_wait().unwrap().is_none(), "the run ended before Ctrl-C");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let interrupt = ["-INT", &child.id().to_string()];
    assert!(std::process::Command::new("kill").args(interrupt).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));

    let summary = fs_err::read(sandbox.path("runs/first/summary.json")).unwrap();
    let summary: Summary = serde_json::from_slice(&summary).unwrap();
    assert_eq!(summary.end, End::Interrupted);
    let checkpoint = format!("runs/first/checkpoints/step-{:06}/manifest.json", summary.steps);
    assert!(sandbox.path(&checkpoint).exists());
}

/// Trains with dropout for 30 steps, stops it in the middle by taking its later checkpoints away as
/// a crash would, resumes it, and compares with a straight run.
#[test]
fn a_resumed_run_ends_with_the_same_weights_as_a_straight_one() {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    let run = |name: &str| {
        let args = "train --preset tiny --dropout 0.1 --data prose.txt --tokenizer bpe:300 \
                    --device cpu --max-steps 30 --eval-every 10 --name";
        let mut args: Vec<&str> = args.split_whitespace().collect();
        args.push(name);
        sandbox.succeeds(&args);
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

    assert_eq!(weights(&straight), weights(&broken));
    assert_eq!(train_losses(&straight), train_losses(&broken));
    let samples = |run: &std::path::Path| fs_err::read_to_string(run.join("samples.md")).unwrap();
    assert_eq!(samples(&straight), samples(&broken));
    let complete = sandbox.fails(&["train", "--resume", "runs/broken", "--device", "cpu"]);
    assert!(complete.contains("is complete after 30 steps"), "{complete}");
}

#[test]
fn other_text_and_another_tokenizer_are_not_resumed() {
    for (tokenizer, message) in
        [("bpe:300", "was trained with another tokenizer"), ("byte", "was trained on other text")]
    {
        let sandbox = Sandbox::new();
        sandbox.write("prose.txt", prose());
        let args = "train --preset tiny --data prose.txt --device cpu --name first --max-steps 20 \
                    --eval-every 10 --tokenizer";
        sandbox.succeeds(&args.split_whitespace().chain([tokenizer]).collect::<Vec<_>>());
        fs_err::remove_dir_all(sandbox.path("runs/first/checkpoints/step-000020")).unwrap();
        sandbox.write("prose.txt", prose().replace("Emma", "Jane"));
        let error = sandbox.fails(&["train", "--resume", "runs/first", "--device", "cpu"]);
        assert!(error.contains(message), "{error}");
    }
}
