//! The commands from end to end, as a newcomer would type them.

use std::process::Stdio;

use minigpt_train::{
    CheckpointManifest, End, OptimizerKind, Quantity, RowSplit, RunConfig, Summary,
};

use crate::support::{Sandbox, checksums, losses, prose, train_losses};

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
    for file in ["environment.json", "tokenizer.json", "samples.md", "summary.json"] {
        assert!(run.join(file).metadata().unwrap().len() > 0, "{file}");
    }
    for quantity in Quantity::ALL {
        assert!(run.join(format!("plots/{}.png", quantity.name())).exists(), "{quantity:?}");
    }
    let is_events = |name: &str| name.starts_with("events.out.tfevents.");
    let names = fs_err::read_dir(&run).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.filter(|name| is_events(&name.to_string_lossy())).count(), 1);
    let config: RunConfig =
        serde_json::from_slice(&fs_err::read(run.join("config.json")).unwrap()).unwrap();
    assert_eq!((config.training.seed, config.model.vocab_size), (7, 300));

    let train = train_losses(&run);
    let valid = losses(&run, RowSplit::Valid);
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
    let manifest: CheckpointManifest = serde_json::from_slice(&manifest).unwrap();
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

    let picture = sandbox.path("runs/first/plots/loss.png");
    let before = fs_err::read(&picture).unwrap();
    fs_err::remove_file(&picture).unwrap();
    sandbox.succeeds(&["plot", "runs/first"]);
    assert_eq!(fs_err::read(&picture).unwrap(), before);
    let two = ["plot", "runs/first", "runs/first", "--curve", "grad-norm", "--x", "minutes"];
    sandbox.succeeds(&[&two[..], &["--out", "both.svg"]].concat());
    assert!(fs_err::read_to_string(sandbox.path("both.svg")).unwrap().contains("minutes"));
}

#[test]
fn pictures_for_a_paper_and_a_slide_with_their_data() {
    let sandbox = Sandbox::new();
    for seed in ["1", "2"] {
        train(&sandbox, &["--max-steps", "6", "--seed", seed, "--name", &format!("seed-{seed}")]);
    }
    let runs = ["plot", "runs/seed-1", "runs/seed-2"];
    let plot = |more: &[&str]| sandbox.succeeds(&[&runs[..], more].concat());
    plot(&["--band", "--smooth", "3", "--out", "band.svg", "--data-csv", "band.csv"]);
    let svg = fs_err::read_to_string(sandbox.path("band.svg")).unwrap();
    for part in ["seed (mean of 2 seeds, band: min to max), mean of 3 steps", ">best ", "<text "] {
        assert!(svg.contains(part), "no {part}");
    }
    let table = fs_err::read_to_string(sandbox.path("band.csv")).unwrap();
    let mut rows = table.lines();
    assert_eq!(rows.next(), Some("chart,axis,line,form,x,y,low,high"));
    let training = rows.clone().filter(|row| row.contains(",line,"));
    assert_eq!(training.count(), 6);
    // The mean lies in its band.
    for row in rows {
        let numbers: Vec<f64> =
            row.rsplit(',').take(3).map(|number| number.parse().unwrap()).collect();
        assert!(numbers[1] <= numbers[2] && numbers[2] <= numbers[0], "{row}");
    }

    plot(&["--band=sd", "--size", "slide", "--theme", "dark", "--out", "slide.svg"]);
    let slide = fs_err::read_to_string(sandbox.path("slide.svg")).unwrap();
    assert!(slide.contains(r#"viewBox="0 0 1920 1080""#) && slide.contains("± 1 sd"));
    let logarithmic =
        ["--log-x", "--log-y", "--learning-rate", "--size", "column", "--out", "log.svg"];
    plot(&logarithmic);
    let column = fs_err::read_to_string(sandbox.path("log.svg")).unwrap();
    assert!(
        column.contains("learning rate (thin lines)") && column.contains("viewBox=\"0 0 1000 ")
    );
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
    assert_eq!(json[0]["device"], "cpu");
    assert!(json[0]["name"].as_str().unwrap().starts_with("CPU, "), "{json}");
}

#[test]
fn other_text_and_another_tokenizer_are_not_resumed() {
    for (tokenizer, message) in
        [("bpe:300", "the tokenizer of runs/first"), ("byte", "the data source of runs/first")]
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

#[test]
fn a_dry_run_says_what_it_would_cost_and_leaves_nothing() {
    let sandbox = Sandbox::new();
    let plan = train(&sandbox, &["--dry-run", "--json", "--max-steps", "50"]);
    let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
    assert_eq!((&plan["event"], &plan["length"]["total_steps"]), (&"plan".into(), &50.into()));
    // The formula of the estimate, with this model's weights outside wpe.
    let weights = |part: &str| plan["parameters"][part].as_f64().unwrap();
    let matrices = weights("wte") + weights("attention") + weights("mlp") + weights("layer_norms");
    let config = RunConfig::tiny();
    let attended = config.model.n_layer * config.model.n_embd * config.model.block_size;
    let per_token = 6.0 * matrices + 12.0 * attended as f64;
    let tokens = 50 * config.training.batch_size * config.model.block_size;
    assert_eq!(plan["operations"].as_f64().unwrap(), per_token * tokens as f64);
    assert!(!sandbox.path("runs").exists());
}

#[test]
fn settings_come_from_preset_file_options_and_names_in_this_order() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "settings.toml",
        "[training]\nbatch_size = 3\nseed = 1\nkeep_last = 5\n[optimizer]\nkind = \"muon\"\n",
    );
    let more = "--max-steps 2 --config settings.toml --batch-size 4 --set training.keep_last=1";
    train(&sandbox, &more.split(' ').collect::<Vec<_>>());
    let config = fs_err::read(sandbox.path("runs/first/config.json")).unwrap();
    let config: RunConfig = serde_json::from_slice(&config).unwrap();
    assert_eq!(config.optimizer.kind, OptimizerKind::Muon);
    let training = config.training;
    assert_eq!((training.batch_size, training.seed, training.keep_last), (4, 7, 1));
}

/// The losses of a run of twelve steps with these settings besides.
fn losses_with(more: &[&str]) -> Vec<f64> {
    let sandbox = Sandbox::new();
    train(&sandbox, &[&["--max-steps", "12"], more].concat());
    train_losses(&sandbox.path("runs/first"))
}

#[test]
fn a_batch_in_parts_is_the_same_batch_to_rounding() {
    let whole = losses_with(&[]);
    for parts in ["training.accumulation=4", "training.accumulation=5"] {
        let parts = losses_with(&["--set", parts]);
        assert_ne!(whole, parts, "nothing was accumulated");
        for (whole, parts) in whole.iter().zip(parts) {
            assert!((whole - parts).abs() < 1e-4, "{whole} is not {parts}");
        }
    }
}

#[test]
fn gradient_checkpointing_gives_the_same_weights_to_the_bit() {
    for parts in ["training.accumulation=1", "training.accumulation=3"] {
        let sums = ["false", "true"].map(|checkpointing| {
            let sandbox = Sandbox::new();
            let setting = format!("training.gradient_checkpointing={checkpointing}");
            let settings = ["--dropout", "0.2", "--set", parts, "--set", &setting];
            train(&sandbox, &[&["--max-steps", "12"], &settings[..]].concat());
            checksums(&sandbox.path("runs/first"), 12)
        });
        assert_eq!(sums[0], sums[1], "{parts}");
    }
}

#[test]
fn each_part_of_the_recipe_changes_the_run() {
    let plain = losses_with(&[]);
    for setting in [
        "optimizer.kind=muon",
        "optimizer.weight_decay=0.5",
        "schedule.decay=constant",
        "schedule.decay=linear",
        "training.label_smoothing=0.1",
        "model.attn_pdrop=0.2",
        "model.resid_pdrop=0.2",
        "model.embd_pdrop=0.2",
    ] {
        // No warm-up, so that twelve steps see the decay.
        let changed = losses_with(&["--set", "schedule.warmup_steps=2", "--set", setting]);
        assert_ne!(plain, changed, "{setting}");
        assert!(changed[11] < changed[0] - 0.1, "{setting} learnt nothing: {changed:?}");
    }
}

#[test]
fn a_run_ends_early_by_its_minutes_and_by_its_patience() {
    let sandbox = Sandbox::new();
    let more =
        ["--max-steps", "100000", "--max-minutes", "0.02", "--eval-every", "100000", "--json"];
    let summary = last_event(&train(&sandbox, &more));
    assert_eq!(summary.end, End::OutOfTime);
    assert_eq!(summary.last.unwrap().step, summary.steps);
    assert!(summary.seconds >= 1.2 && !summary.samples.is_empty());
    // The minutes are those of a process.
    let resume = ["train", "--resume", "runs/first", "--device", "cpu", "--json"];
    let resumed = last_event(&sandbox.succeeds(&resume));
    assert_eq!(resumed.end, End::OutOfTime);
    assert!(resumed.steps > summary.steps + 1, "{} after {}", resumed.steps, summary.steps);
    assert!(resumed.seconds >= 2.4);

    let sandbox = Sandbox::new();
    // A rate at which nothing is learnt.
    let more = "--max-steps 1000 --eval-every 2 --learning-rate 1 --set training.patience=2 --json";
    let summary = last_event(&train(&sandbox, &more.split(' ').collect::<Vec<_>>()));
    assert_eq!(summary.end, End::Patience);
    let best = summary.best.unwrap().step;
    assert_eq!(summary.steps, best + 4);
    let error = sandbox.fails(&resume[..5]);
    assert!(error.contains("2 validations without a new best: raise training.patience"), "{error}");
    let config = sandbox.path("runs/first/config.json");
    let text = fs_err::read_to_string(&config).unwrap();
    fs_err::write(&config, text.replace("\"patience\": 2", "\"patience\": 4")).unwrap();
    let resumed = last_event(&sandbox.succeeds(&resume));
    assert!(resumed.steps > summary.steps);
}

#[test]
fn a_dry_resumption_says_what_is_left_and_changes_nothing() {
    let sandbox = Sandbox::new();
    train(&sandbox, &["--max-steps", "20", "--eval-every", "10"]);
    let resume = ["train", "--resume", "runs/first", "--dry-run", "--json", "--device", "cpu"];
    assert!(sandbox.fails(&resume).contains("is complete after 20 steps"));
    let sets = sandbox.path("runs/first/checkpoints");
    fs_err::remove_dir_all(sets.join("step-000020")).unwrap();
    let rows = train_losses(&sandbox.path("runs/first"));

    let output = sandbox.minigpt(&resume);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("left: 10 steps, after 10 that were taken"), "{errors}");
    let plan: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(plan["steps_taken"], 10);
    assert_eq!(train_losses(&sandbox.path("runs/first")), rows);
    assert!(!sets.join("step-000020").exists());
}

/// The command with readers that have gone away.
fn without_readers(sandbox: &Sandbox, args: &[&str]) -> Option<i32> {
    let mut command = sandbox.command(args);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    child.wait().unwrap().code()
}

#[test]
fn readers_that_go_away_end_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    for more in [&["--name", "a"][..], &["--name", "b", "--json"]] {
        let args = [&TINY[..7], &["--device", "cpu", "--max-steps", "5"], more].concat();
        assert_eq!(without_readers(&sandbox, &args), Some(0), "{more:?}");
    }
    assert!(sandbox.path("runs/a/summary.json").exists());
    assert!(sandbox.path("runs/b/summary.json").exists());
    assert_eq!(without_readers(&sandbox, &["plot", "runs/a"]), Some(0));
    assert_eq!(without_readers(&sandbox, &["devices"]), Some(0));
    assert_eq!(without_readers(&sandbox, &["devices", "--json"]), Some(0));
    for command in [
        "export runs/a --out exported --gguf exported.gguf --device cpu",
        "generate runs/a --prompt In --max-tokens 20 --device cpu",
        "generate runs/a --prompt In --max-tokens 20 --json --device cpu",
        "generate runs/a --prompt In --max-tokens 4 -n 2 --device cpu",
        "eval runs/a --data prose.txt --device cpu",
        "compare runs/a runs/b --data prose.txt --device cpu",
        "attention runs/a In --tokens 1 --device cpu",
        "bench --vocab 50 --context 8 --layers 1 --heads 1 --width 8 --batch 1 --steps 1",
        "data stats prose.txt --tokenizer char",
        "index prose.txt --out index",
        "ask --index index --no-model sea",
        "plan --params 1M",
        "generate runs/none --prompt In",
    ] {
        let words: Vec<&str> = command.split(' ').collect();
        let code = if command.contains("none") { 1 } else { 0 };
        assert_eq!(without_readers(&sandbox, &words), Some(code), "{command}");
    }
    assert!(sandbox.path("exported.gguf").exists());
}

#[test]
fn a_processor_has_a_peak_and_a_step_its_work() {
    let sandbox = Sandbox::new();
    let json = |words: &str| -> serde_json::Value {
        let words: Vec<&str> = words.split(' ').collect();
        serde_json::from_str(&sandbox.succeeds(&words)).unwrap()
    };
    let peak = json("bench --peak --json");
    assert!(peak["f32_gflop_per_second"].as_f64().unwrap() > 0.0, "{peak}");
    assert!(peak["bf16_gflop_per_second"].as_f64().is_none_or(|speed| speed > 0.0), "{peak}");
    let nanoseconds = peak["round_trip_nanoseconds"].as_f64();
    assert_eq!(nanoseconds.is_some(), std::thread::available_parallelism().unwrap().get() > 1);
    assert!(nanoseconds.is_none_or(|trip| trip > 0.0), "{peak}");
    assert!(sandbox.succeeds(&["bench", "--peak"]).contains("GFLOP/s"));
    let shape = "--vocab 50 --context 8 --layers 1 --heads 1 --width 8 --batch 3 --steps 1";
    let step = json(&format!("bench {shape} --json"));
    // A block's matrices and biases, its norms and the last, and the head; then attention.
    let weights = 12 * 8 * 8 + 9 * 8 + 4 * 8 + 2 * 8 + 50 * 8;
    let operations = 3 * 8 * (6 * weights + 12 * 8 * 8);
    assert_eq!(step["operations_per_step"].as_f64(), Some(f64::from(operations)), "{step}");
    let output = sandbox.minigpt(&["bench", "--peak", "--batch", "2"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_device_is_checked_against_the_processor() {
    let sandbox = Sandbox::new();
    let output = sandbox.succeeds(&["devices", "--check", "cpu"]);
    for context in [31, 32, 33, 127, 1000] {
        assert!(output.contains(&format!("logits of context {context}, cached ")), "{output}");
    }
    assert!(output.contains("losses of 20 training steps"), "{output}");
    assert!(!output.contains("WRONG"), "{output}");
    let error = sandbox.fails(&["devices", "--check", "gpu:99"]);
    assert!(error.contains("--device gpu:99"), "{error}");
}

#[test]
fn an_empty_cache_variable_is_none() {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    let home = sandbox.path("home");
    let args = ["data", "prepare", "prose.txt", "--tokenizer", "byte"];
    let mut command = sandbox.command(&args);
    let command = command.env("MINIGPT_CACHE", "").env("HOME", &home).env("XDG_CACHE_HOME", &home);
    assert!(command.output().unwrap().status.success());
    assert!(!sandbox.path("tokens").exists(), "the cache is in the working folder");
}

#[test]
fn the_average_of_the_weights_is_validated_saved_and_used() {
    let sandbox = Sandbox::new();
    let more = "--max-steps 40 --eval-every 20 --set training.ema_decay=0.9 --json";
    let summary = last_event(&train(&sandbox, &more.split(' ').collect::<Vec<_>>()));
    let run = sandbox.path("runs/first");
    let (average, last) = (summary.average.unwrap(), summary.last.unwrap());
    assert_eq!((average.step, losses(&run, RowSplit::Average)[1]), (40, average.loss));
    assert_ne!(average.loss, last.loss);

    let text = |more: &[&str]| {
        let generate = "generate runs/first --prompt In --greedy --device cpu --max-tokens 30";
        sandbox.succeeds(&generate.split(' ').chain(more.iter().copied()).collect::<Vec<_>>())
    };
    assert!(text(&["--average"]).starts_with("In"));

    train(&sandbox, &["--max-steps", "2", "--name", "without"]);
    let error = sandbox.fails(&[
        "generate",
        "runs/without",
        "--prompt",
        "In",
        "--average",
        "--device",
        "cpu",
    ]);
    assert!(error.contains("keeps no average of its weights"), "{error}");
}
