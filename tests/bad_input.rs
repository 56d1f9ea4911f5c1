//! Whatever the user types: one clear line, a non-zero exit, nothing half-written.

use crate::support::{Sandbox, prose};

/// Trains with these arguments in a folder with a good text; it must fail with `message` and
/// leave no run.
#[track_caller]
fn refuses(args: &[&str], message: &str) {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    sandbox.write("empty.txt", "");
    sandbox.write("short.txt", "Too short to cut a window from.\n");
    sandbox.write("binary.txt", b"text \0 and no text");
    fs_err::create_dir(sandbox.path("nothing")).unwrap();
    let common = ["train", "--preset", "tiny", "--device", "cpu", "--max-steps", "2"];
    let error = sandbox.fails(&[&common[..], args].concat());
    assert!(error.contains(message), "`{message}` is not in:\n{error}");
    assert!(!sandbox.path("runs").exists(), "a run folder was left behind");
}

#[test]
fn data_that_is_no_text() {
    refuses(&["--data", "missing.txt"], "missing.txt");
    refuses(&["--data", "-missing.txt"], "-missing.txt");
    refuses(&["--data", "empty.txt"], "empty.txt is empty");
    refuses(&["--data", "binary.txt"], "binary.txt");
    refuses(&["--data", "nothing"], "nothing");
    refuses(&["--data", "short.txt", "--tokenizer", "gpt2"], "too little text");
    refuses(&["--data", "prose.txt", "--valid", "missing.txt"], "missing.txt");
    refuses(&["--data", "prose.txt", "--valid", "empty.txt"], "empty.txt is empty");
}

#[test]
fn settings_out_of_range() {
    refuses(&["--batch-size", "0"], "training.batch_size is out of range");
    refuses(&["--max-steps", "0"], "training.max_steps is out of range");
    refuses(&["--learning-rate", "-1"], "schedule.learning_rate is out of range");
    refuses(&["--prompt", ""], "sample.prompt is out of range");
    refuses(
        &["--max-steps", "9000000000000000000", "--batch-size", "9000000000"],
        "training.batch_size is out of range: expected 1 to 1048576",
    );
    refuses(&["--max-steps", "4294967296"], "training.max_steps is out of range");
    refuses(
        &["--set", "model.n_embd=4000000000000", "--set", "model.n_head=1"],
        "n_embd 4000000000000 is too large: expected at most 10000000000",
    );
    refuses(&["--set", "model.n_inner=100000000"], "more than 10000000000 parameters");
    let small = ["--data", "prose.txt", "--tokenizer", "bpe:300", "--set", "model.vocab_size=299"];
    refuses(
        &small,
        "model.vocab_size is 299: expected at least 300, the tokenizer's number of ids",
    );
    refuses(&["--model", "huge"], "unknown model preset `huge`: expected one of tiny, small");
}

#[test]
fn more_passes_than_can_be_counted() {
    let sandbox = Sandbox::new();
    let most = u64::MAX.to_string();
    let args = ["train", "--preset", "tiny", "--device", "cpu", "--epochs", &most];
    let error = sandbox.fails(&args);
    assert!(error.contains("training.epochs is out of range"), "{error}");
}

#[test]
fn what_a_resumed_run_cannot_change() {
    let sandbox = Sandbox::new();
    for option in [["--runs", "elsewhere"], ["--seed", "1"]] {
        let output = sandbox.minigpt(&[&["train", "--resume", "runs/run"], &option[..]].concat());
        assert_eq!(output.status.code(), Some(2), "{option:?}");
    }
}

#[test]
fn settings_by_a_wrong_name_or_of_a_wrong_kind() {
    let set = |setting: &'static str, message| refuses(&["--set", setting], message);
    set(
        "training.batchsize=8",
        "unknown setting `training.batchsize`: expected perhaps `training.batch_size`",
    );
    set("training.batch_size=many", "setting training.batch_size = \"many\": invalid type");
    set("training.batch_size", "--set training.batch_size: expected KEY=VALUE");
    set("training.ema_decay=1", "training.ema_decay is out of range: expected 0 < decay < 1");
    set("training.accumulation=99", "training.accumulation is out of range");
    set("optimizer.kind=sgd", "unknown variant `sgd`, expected `adamw` or `muon`");
    refuses(&["--config", "missing.toml"], "missing.toml");
    refuses(&["--config", "prose.txt"], "prose.txt: not valid TOML");
    refuses(&["--tui"], "--tui: standard output is no terminal");
}

#[test]
fn a_command_that_is_an_option_of_train() {
    let sandbox = Sandbox::new();
    for (command, tip) in
        [("resume", "'train --resume'"), ("continue", "'train --continue'"), ("sevre", "'serve'")]
    {
        let output = sandbox.minigpt(&[command]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2));
        assert!(error.contains(tip), "{error}");
    }
}

#[test]
fn numbers_that_are_nan_or_infinite() {
    let finite = |option: &'static str, value: &'static str, key: &str| {
        refuses(&[option, value], &format!("setting {key}"));
    };
    for (option, value, key) in [
        ("--max-minutes", "nan", "training.max_minutes = NaN: expected a finite number"),
        ("--max-minutes", "inf", "training.max_minutes = inf: expected a finite number"),
        ("--learning-rate", "inf", "schedule.learning_rate = inf: expected a finite number"),
        ("--dropout", "nan", "model.embd_pdrop = NaN: expected a finite number"),
        ("--set", "training.max_minutes=nan", "training.max_minutes = NaN: expected a finite"),
        ("--set", "training.max_minutes=-inf", "training.max_minutes = -inf: expected a finite"),
        ("--set", "optimizer.weight_decay=1e300", "optimizer.weight_decay = inf: expected a"),
        ("--set", "training.max_minutes=1e999", "training.max_minutes = \"1e999\": invalid type"),
    ] {
        finite(option, value, key);
    }
    let sandbox = Sandbox::new();
    sandbox.write("settings.toml", "[training]\nema_decay = nan\n");
    let args = ["train", "--preset", "tiny", "--device", "cpu", "--config", "settings.toml"];
    let error = sandbox.fails(&args);
    assert!(error.contains("settings.toml: setting training.ema_decay = NaN"), "{error}");
}

#[test]
fn names_that_lead_out_of_the_folder_of_runs() {
    let long = "x".repeat(240);
    for name in ["", ".", "..", "../esc", "/tmp/absolute", "a/b", &long] {
        refuses(&["--name", name], "expected the name of one folder, of 1 to 200 bytes");
    }
    let sandbox = Sandbox::new();
    let error = sandbox.fails(&[
        "finetune", "base", "--task", "lm", "--data", "x", "--device", "cpu", "--name", "..",
    ]);
    assert!(error.contains("--name \"..\": expected the name of one folder"), "{error}");
}

#[test]
fn what_is_missing_is_named_with_all_that_would_do() {
    let sandbox = Sandbox::new();
    for (args, expected) in [
        (["export", "run"], "<--out <FOLDER>|--gguf <FILE>>"),
        (["classify", "run"], "|--data <FILE>>"),
        (["plan", "--json"], "<--params <COUNT>|--memory <BYTES>|--time <TIME>|--model <MODEL>>"),
    ] {
        let output = sandbox.minigpt(&args);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(errors.contains(expected), "{expected}: {errors}");
    }
}

#[test]
fn curves_that_cannot_be_drawn() {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    let train = "train --preset tiny --data prose.txt --tokenizer bpe:300 --device cpu --max-steps 2 --name run";
    sandbox.succeeds(&train.split(' ').collect::<Vec<_>>());
    let error = sandbox.fails(&["plot", "runs/run", "--out", "loss.jpeg"]);
    assert!(error.ends_with("loss.jpeg: expected a name that ends in .png or .svg"), "{error}");
    let error = sandbox.fails(&["plot", "runs/run", "--band"]);
    assert!(error.contains("cannot draw a band of one run, run: expected"), "{error}");
    let metrics = fs_err::read_to_string(sandbox.path("runs/run/metrics.csv")).unwrap();
    let header = metrics.lines().next().unwrap();
    sandbox.write("runs/run/metrics.csv", format!("{header}\n"));
    let error = sandbox.fails(&["plot", "runs/run"]);
    assert!(error.contains("the run has no loss yet; wait for its next step"), "{error}");
    sandbox.write("runs/run/metrics.csv", format!("{header}\ntrain,1,0.1,64,NaN,0,NaN,9,1\n"));
    let error = sandbox.fails(&["plot", "runs/run", "--curve", "grad-norm"]);
    assert!(error.contains("every grad-norm is NaN or infinite"), "{error}");
    let error = sandbox.fails(&["plot", "runs/run", "--curve", "learning-rate", "--log-y"]);
    assert!(error.contains("no learning-rate has a place on a logarithmic axis"), "{error}");
    for arguments in [
        ["--curve", "lose"],
        ["--x", "epochs"],
        ["--size", "poster"],
        ["--theme", "blue"],
        ["--smooth", "-3"],
        ["--band=iqr", "--log-x"],
    ] {
        let output = sandbox.minigpt(&[&["plot", "runs/run"], &arguments[..]].concat());
        assert_eq!(output.status.code(), Some(2));
    }
}

/// None of these takes the time or the memory that it names.
#[test]
fn benchmarks_beyond_any_machine() {
    let sandbox = Sandbox::new();
    let most = u64::MAX.to_string();
    for (options, message) in [
        (&["--steps", &most][..], "expected 1 to 1000000"),
        (&["--steps", "0"], "--steps is 0: expected 1 to 1000000"),
        (&["--batch", &most], "expected 1 to 1048576"),
        (&["--batch", "1048576", "--context", "1024"], "of memory, and"),
        (&["--width", &most, "--heads", "1"], "n_embd 18446744073709551615 is too large"),
        (
            &[
                "--decode",
                "--width",
                "8",
                "--heads",
                "1",
                "--vocab",
                "300",
                "--layers",
                "9000",
                "--context",
                "900000000",
            ],
            "of memory, and",
        ),
    ] {
        let error = sandbox.fails(&[&["bench", "--device", "cpu"], options].concat());
        assert!(error.contains(message), "{options:?}: {error}");
    }
}

#[test]
fn a_prompt_longer_than_the_context() {
    let long = "word ".repeat(200);
    refuses(&["--prompt", &long], "the model's context is 32: shorten the prompt");
}

#[test]
fn an_unknown_preset() {
    let sandbox = Sandbox::new();
    let error = sandbox.fails(&["train", "--preset", "shakespeare"]);
    assert_eq!(
        error,
        "error: unknown preset `shakespeare`: expected one of austen, children, tiny, shakespeare-char, tinystories, wikitext2, wikitext2-hour, wikitext103"
    );
}

// Only Linux tells how much memory there is.
#[cfg(target_os = "linux")]
#[test]
fn a_run_that_needs_more_memory_than_the_machine_has() {
    let sandbox = Sandbox::new();
    let file = "preset = \"tiny\"\n[set]\ntraining.batch_size = 1000000\ntraining.max_steps = 1\n";
    sandbox.write("large.toml", file);
    for command in [
        "train --preset tiny --device cpu --batch-size 1000000 --max-steps 1",
        "sweep large.toml --device cpu",
    ] {
        let error = sandbox.fails(&command.split(' ').collect::<Vec<_>>());
        for part in ["training needs about ", ", and this machine has ", "--batch-size"] {
            assert!(error.contains(part), "{part}: {error}");
        }
    }
    assert!(!sandbox.path("runs/tiny").exists());
}

#[test]
fn a_device_that_is_not_there() {
    let sandbox = Sandbox::new();
    let error = sandbox.fails(&["train", "--preset", "tiny", "--device", "gpu:99"]);
    assert!(error.contains("--device gpu:99") && error.contains("use --device cpu"), "{error}");
    let output = sandbox.minigpt(&["train", "--device", "cuda"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_worker_lends_no_device_of_another() {
    let error = Sandbox::new().fails(&["worker", "--device", "remote:den:7000"]);
    assert!(error.starts_with("error: --device remote:den:7000: a worker lends a"), "{error}");
}

#[test]
fn a_run_folder_that_cannot_be_made() {
    let sandbox = Sandbox::new();
    sandbox.write("file", "in the way");
    let args = ["train", "--preset", "tiny", "--device", "cpu", "--runs", "file/runs"];
    let error = sandbox.fails(&args);
    assert!(error.contains("file/runs"), "{error}");
}

#[test]
fn generation_without_a_run_or_with_a_bad_policy() {
    let sandbox = Sandbox::new();
    fs_err::create_dir(sandbox.path("folder")).unwrap();
    let generate =
        |more: &[&str]| sandbox.fails(&[&["generate", "folder", "--device", "cpu"], more].concat());
    assert!(generate(&["--prompt", "x"]).contains("folder is not a run folder"));
    assert!(generate(&["--prompt", "x", "--temperature", "-1"]).contains("temperature -1"));
    assert!(generate(&["--prompt", "x", "--top-p", "2"]).contains("top-p 2"));
    assert!(sandbox.fails(&["plot", "folder"]).contains("folder is not a run folder"));
}

#[test]
fn an_error_has_at_most_a_screen() {
    let sandbox = Sandbox::new();
    let long = "x".repeat(100_000);
    let error = sandbox.fails(&["train", "--preset", "tiny", "--set", &long]);
    assert!(
        error.starts_with("error: --set xxx") && error.ends_with("as training.seed=7"),
        "{error}"
    );
    assert!(error.len() < 2000, "{} bytes", error.len());
}
