//! `minigpt plan` and `minigpt train --minutes`.

use serde_json::Value;

use crate::support::{Sandbox, prose};

#[test]
fn a_plan_says_what_the_command_that_it_prints_will_be() {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    let plan = |more: &str| {
        let plan = "plan --data prose.txt --tokenizer bpe:300 --device cpu --measure 1s --json";
        let words: Vec<&str> = plan.split(' ').chain(more.split(' ')).collect();
        serde_json::from_str::<Value>(&sandbox.succeeds(&words)).unwrap()
    };
    let planned = plan("--params 200k --time 1d --context 32");
    let command = planned["command"].as_str().unwrap();
    let words = command.strip_prefix("minigpt ").unwrap().split(' ');
    let words: Vec<&str> = words.chain(["--dry-run", "--json", "--device", "cpu"]).collect();
    let dry_run: Value = serde_json::from_str(&sandbox.succeeds(&words)).unwrap();
    assert_eq!(planned["steps"], dry_run["length"]["total_steps"]);
    let parts = dry_run["parameters"].as_object().unwrap().values();
    let parameters: u64 = parts.map(|part| part.as_u64().unwrap()).sum();
    assert_eq!(planned["parameters"], parameters);
    assert!((150_000..250_000).contains(&parameters), "{parameters}");
    let memory = dry_run["memory"].as_object().unwrap().values();
    let memory: u64 = memory.map(|part| part.as_u64().unwrap()).sum();
    // The program itself is in the total alone.
    assert_eq!(planned["memory"], memory + (128 << 20));

    let seconds = plan("--time 5s")["seconds"].as_f64().unwrap();
    assert!(seconds <= 5.0, "{seconds}");
    let small = ["plan", "--memory", "1MiB", "--data", "prose.txt", "--device", "cpu"];
    assert!(sandbox.fails(&small).contains("no model can be trained in 1 MiB of memory: expected"));
}

#[test]
fn the_text_is_looked_at_before_anything_is_measured() {
    let sandbox = Sandbox::new();
    sandbox.write("short.txt", &prose()[..1500]);
    let plan = "plan --data short.txt --tokenizer byte --device cpu --measure 1s --json";
    let plan = |more: &'static str| plan.split(' ').chain(more.split(' ')).collect::<Vec<_>>();
    for more in ["--params 200k --context 1024", "--model gpt2"] {
        let output = sandbox.minigpt(&plan(more));
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.contains("error: too little text: "), "{errors}");
        assert!(!errors.contains("measuring"), "{errors}");
    }
    // A context that nobody asked for is as short as the text, and what is printed is taken.
    let planned: Value = serde_json::from_str(&sandbox.succeeds(&plan("--params 2M"))).unwrap();
    assert_eq!(planned["model"]["block_size"], 128);
    let command = planned["command"].as_str().unwrap().strip_prefix("minigpt ").unwrap();
    let words = command.split(' ').chain(["--dry-run", "--device", "cpu"]);
    sandbox.succeeds(&words.collect::<Vec<_>>());
}

#[test]
fn memory_is_looked_at_before_anything_is_measured() {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    let plan = |more: &'static str| {
        let plan = "plan --data prose.txt --tokenizer bpe:300 --device cpu --measure 1s";
        plan.split(' ').chain(more.split(' ')).collect::<Vec<_>>()
    };
    let output = sandbox.minigpt(&plan("--params 9B --memory 8GiB"));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(
        errors.contains("error: no model can be trained in 8192 MiB of memory: expected"),
        "{errors}"
    );
    assert!(!errors.contains("measuring"), "{errors}");

    // More than any machine has: a part of the model is measured, and this one is said to be too small.
    let output = sandbox.minigpt(&plan("--memory 100TiB --time 1h"));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{errors}");
    let output = sandbox.minigpt(&plan("--params 9B --memory 100TiB"));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{errors}");
    if cfg!(target_os = "linux") {
        assert!(errors.contains("warning: it takes ") && errors.contains("train on another"));
    }
}

#[test]
fn a_run_of_some_minutes_chooses_everything_and_ends_by_its_clock() {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose().repeat(3));
    let train = "train --data prose.txt --minutes 0.25 --device cpu --seed 7 --set optimizer.weight_decay=0.3 --name timed";
    let output = sandbox.minigpt(&train.split(' ').collect::<Vec<_>>());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    let why = ", the size that suits a text of this length";
    for line in [why, " ids by bpe:512, for ", "model:         4 layers, ", "time:          about "]
    {
        assert!(said.contains(line), "{line}: {said}");
    }
    let config: Value = {
        let config = fs_err::read_to_string(sandbox.path("runs/timed/config.json")).unwrap();
        serde_json::from_str(&config).unwrap()
    };
    assert_eq!(config["data"]["tokenizer"], "bpe:512");
    assert_eq!(
        (&config["optimizer"]["kind"], &config["model"]["mlp"]),
        (&"muon".into(), &"swiglu".into())
    );
    assert_eq!(config["training"]["seed"], 7);
    assert!((config["optimizer"]["weight_decay"].as_f64().unwrap() - 0.3).abs() < 1e-6);
    let minutes = config["training"]["max_minutes"].as_f64().unwrap();
    assert!(minutes > 0.0 && minutes < 0.27, "{minutes}");
    let steps = config["training"]["max_steps"].as_u64().unwrap();
    assert!(said.contains(&format!("/{steps}: loss")), "{said}");
    assert!(said.contains("your setting: optimizer.weight_decay = 0.3"), "{said}");

    for (more, said) in [
        ("--minutes 0", "--minutes 0: expected 0.25 to 262800"),
        ("--minutes 1e300", ": expected 0.25 to 262800"),
        ("--minutes nan", "--minutes NaN: expected 0.25 to 262800"),
        (
            "--minutes 0.25 --set model.n_layer=2",
            "--minutes chooses model.n_layer: leave one of the two out",
        ),
        ("--minutes 5 --max-steps 3", "cannot be used with '--max-steps <MAX_STEPS>'"),
        (
            "--minutes 0.25 --set training.epochs=3",
            "--minutes chooses training.epochs: leave one of the two out",
        ),
        ("--minutes 5 --preset tiny", "cannot be used with '--preset <PRESET>'"),
    ] {
        let words = ["train", "--data", "prose.txt", "--device", "cpu"];
        let words = words.into_iter().chain(more.split(' '));
        let output = sandbox.minigpt(&words.collect::<Vec<_>>());
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && errors.contains(said), "{more}: {errors}");
        assert!(!errors.contains("measuring"), "{more}: {errors}");
    }
}

#[test]
fn the_choices_of_some_minutes_are_shown_without_a_run() {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose().repeat(3));
    let train = "train --data prose.txt --minutes 0.25 --device cpu --name timed --dry-run";
    let output = sandbox.minigpt(&train.split(' ').collect::<Vec<_>>());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("model:         4 layers, "), "{said}");
    assert!(!said.contains(": loss") && !sandbox.path("runs").exists(), "{said}");
}
