//! `minigpt finetune --lora`, and what its adapter is good for.

use serde_json::Value;

use crate::support::{Sandbox, prose, train_losses};

const LORA: &str = "finetune runs/base --task lm --data letters.txt --device cpu --max-steps 30 --eval-every 15 --learning-rate 1e-2 --set schedule.warmup_steps=1 --lora 4 --lora-alpha 8 --lora-dropout 0.1 --lora-targets c_attn,c_fc --name adapted";

/// A base model that has learnt the prose, and other text.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    sandbox.write("letters.txt", prose().replace("In the morning", "Dear Jane, today"));
    let train = "train --preset tiny --data prose.txt --tokenizer bpe:300 --device cpu --max-steps 60 --eval-every 60 --name base";
    sandbox.succeeds(&train.split(' ').collect::<Vec<_>>());
    sandbox
}

fn text(sandbox: &Sandbox, model: &str, more: &[&str]) -> String {
    let args = ["generate", model, "--prompt", "Dear", "--greedy", "--max-tokens", "20"];
    let json = sandbox.succeeds(&[&args[..], &["--json", "--device", "cpu"], more].concat());
    serde_json::from_str::<Value>(&json).unwrap()["text"].as_str().unwrap().to_owned()
}

#[test]
fn an_adapter_is_trained_alone_and_makes_the_run_of_its_base() {
    let sandbox = sandbox();
    let before = text(&sandbox, "runs/base", &[]);
    sandbox.succeeds(&LORA.split(' ').collect::<Vec<_>>());
    let losses = train_losses(&sandbox.path("runs/adapted"));
    assert!(losses[29] < losses[0] - 0.1, "{losses:?}");

    let tuned = text(&sandbox, "runs/adapted", &[]);
    assert_ne!(tuned, before, "nothing was learnt");
    let adapter = ["--adapter", "runs/adapted/adapter"];
    assert_eq!(text(&sandbox, "runs/base", &adapter), tuned);
    assert_eq!(text(&sandbox, "runs/base", &[]), before);
    let size = |path: &str| fs_err::metadata(sandbox.path(path)).unwrap().len();
    let factors = size("runs/adapted/adapter/adapter_model.safetensors");
    assert!(factors < size("runs/base/checkpoints/step-000060/model.bpk") / 5);

    let export = "export runs/base --adapter runs/adapted/adapter --out merged --device cpu";
    sandbox.succeeds(&export.split(' ').collect::<Vec<_>>());
    assert_eq!(text(&sandbox, "merged", &[]), tuned);

    let args = ["generate", "merged", "--prompt", "Dear", "--device", "cpu"];
    let error = sandbox.fails(&[&args[..], &adapter].concat());
    assert!(error.contains("is an adapter for another base model"), "{error}");
    let json: Value = serde_json::from_slice(
        &fs_err::read(sandbox.path("runs/adapted/adapter/adapter_config.json")).unwrap(),
    )
    .unwrap();
    assert_eq!(json["base_model_name_or_path"], "runs/base");
    assert_eq!((&json["r"], &json["fan_in_fan_out"]), (&4.into(), &true.into()));
}

#[test]
fn an_adapter_that_is_none_is_refused_in_one_line() {
    let sandbox = sandbox();
    let with = |from: &str, to: &str| {
        let command = LORA.replace(from, to);
        sandbox.fails(&command.split(' ').collect::<Vec<_>>())
    };
    assert!(with("--lora 4", "--lora 0").contains("lora.rank is out of range: expected 1 to 64"));
    assert!(with("c_fc", "q_proj").contains("unknown matrix `q_proj`"));
    assert!(with("0.1", "1.5").contains("lora.dropout is out of range: expected 0 <= dropout < 1"));
    let args = ["generate", "runs/base", "--prompt", "Dear", "--device", "cpu", "--adapter", "no"];
    assert!(sandbox.fails(&args).contains("adapter_config.json"));
}

/// An adapter that changes the base when it begins, or is more than two factors, has other logits.
#[test]
fn adapters_of_other_kinds_are_refused_by_field_with_what_to_do() {
    let sandbox = sandbox();
    fs_err::create_dir(sandbox.path("pissa")).unwrap();
    let written = r#"{"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["c_attn"]"#;
    let args = ["generate", "runs/base", "--prompt", "Dear", "--device", "cpu", "--adapter"];
    for (field, value) in [
        ("init_lora_weights", "\"pissa\""),
        ("init_lora_weights", "\"olora\""),
        ("rank_pattern", "{\"c_attn\": 2}"),
        ("modules_to_save", "[\"wte\"]"),
        ("bias", "\"all\""),
        ("of_a_later_version", "7"),
    ] {
        let config = format!("{written}, \"{field}\": {value}}}");
        sandbox.write("pissa/adapter_config.json", config);
        let error = sandbox.fails(&[&args[..], &["pissa"]].concat());
        assert!(error.contains(field) && error.contains("merge_and_unload()"), "{error}");
    }
    sandbox.write("pissa/adapter_config.json", format!("{written}}}"));
    sandbox.write("pissa/adapter_model.bin", "");
    let error = sandbox.fails(&[&args[..], &["pissa"]].concat());
    assert!(
        error.contains("adapter_model.bin is a pickle: expected adapter_model.safe"),
        "{error}"
    );
}

/// Lengths of columns, and vectors of tokens trained whole, beside frozen weights: what the run writes is what its base
/// writes with the adapter.
#[test]
fn lengths_and_whole_embeddings_are_trained_saved_and_merged() {
    let sandbox = sandbox();
    let before = text(&sandbox, "runs/base", &[]);
    let common = LORA.replace("--lora-dropout 0.1 ", "");
    for (name, more) in [("dora", "--dora"), ("whole", "--lora-whole wte")] {
        let command =
            format!("{common} {more}").replace("--name adapted", &format!("--name {name}"));
        sandbox.succeeds(&command.split(' ').collect::<Vec<_>>());
        let run = format!("runs/{name}");
        let losses = train_losses(&sandbox.path(&run));
        assert!(losses[29] < losses[0] - 0.1, "{name}: {losses:?}");
        let tuned = text(&sandbox, &run, &[]);
        assert_ne!(tuned, before, "{name}: nothing was learnt");
        let adapter = format!("{run}/adapter");
        assert_eq!(text(&sandbox, "runs/base", &["--adapter", &adapter]), tuned, "{name}");
        let export = format!("export runs/base --adapter {adapter} --out {name} --device cpu");
        sandbox.succeeds(&export.split(' ').collect::<Vec<_>>());
        assert_eq!(text(&sandbox, name, &[]), tuned, "{name}");
        // One model for several adapters keeps weights as they are stored: these change them.
        let json = fs_err::read(sandbox.path(&format!("{adapter}/adapter_config.json"))).unwrap();
        let json: Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(json["use_dora"], name == "dora");
        assert_eq!(json["modules_to_save"].is_array(), name == "whole");
    }
    let refused = |more: &str| {
        let command = format!("{LORA} {more}").replace("--name adapted", "--name refused");
        sandbox.fails(&command.split(' ').collect::<Vec<_>>())
    };
    assert!(
        refused("--dora").contains("lora.dora is out of range: expected false beside a dropout")
    );
    assert!(refused("--lora-whole c_fc").contains("lora.whole is out of range: expected wte"));
}

/// On the processor the base lies in the run once, and a run that goes on is the same to the bit.
#[test]
fn frozen_weights_are_kept_once_and_checkpoints_have_the_adapter() {
    let sandbox = sandbox();
    let command = format!("{LORA} --weights q8_0 --lora-rank-stabilized");
    let shown = sandbox.minigpt(&command.split(' ').collect::<Vec<_>>());
    let said = String::from_utf8_lossy(&shown.stderr).into_owned();
    assert!(shown.status.success() && said.contains("frozen weights: "), "{said}");
    let size = |path: &str| fs_err::metadata(sandbox.path(path)).unwrap().len();
    let whole = size("runs/base/checkpoints/step-000060/model.bpk");
    assert!(size("runs/adapted/checkpoints/step-000030/model.bpk") < whole / 5);
    // A block of 32 numbers takes 34 bytes, not 128; the columns of 64 of these matrices are two.
    let base = size("runs/adapted/base.gguf");
    assert!((whole / 4..whole / 3).contains(&base), "{base} of {whole}");

    let tuned = text(&sandbox, "runs/adapted", &[]);
    // Of the weights that were rounded and of those that were not, the adapter is the same one's.
    text(&sandbox, "runs/base", &["--adapter", "runs/adapted/adapter"]);
    let json = fs_err::read(sandbox.path("runs/adapted/adapter/adapter_config.json")).unwrap();
    let json: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["use_rslora"], true);

    let losses = train_losses(&sandbox.path("runs/adapted"));
    fs_err::remove_dir_all(sandbox.path("runs/adapted/checkpoints/step-000030")).unwrap();
    sandbox.succeeds(&["train", "--resume", "runs/adapted", "--device", "cpu"]);
    assert_eq!(train_losses(&sandbox.path("runs/adapted")), losses);
    assert_eq!(text(&sandbox, "runs/adapted", &[]), tuned);

    sandbox.succeeds(&[
        "train",
        "--continue",
        "runs/adapted",
        "--more-steps",
        "5",
        "--device",
        "cpu",
    ]);
    let on = train_losses(&sandbox.path("runs/adapted-2"));
    assert_eq!((&on[..losses.len()], on.len()), (&losses[..], losses.len() + 5));

    // Killed after the last checkpoint, a run lacks its end, which resuming writes.
    let adapter = sandbox.path("runs/adapted/adapter");
    fs_err::remove_file(sandbox.path("runs/adapted/summary.json")).unwrap();
    fs_err::remove_dir_all(&adapter).unwrap();
    sandbox.succeeds(&["train", "--resume", "runs/adapted", "--device", "cpu"]);
    assert!(adapter.join("adapter_config.json").exists());
    assert_eq!(train_losses(&sandbox.path("runs/adapted")), losses);
    let again = ["train", "--resume", "runs/adapted", "--device", "cpu"];
    assert!(sandbox.fails(&again).contains("nothing to resume"));

    // Without the base an adapter is of no use, and nothing is begun.
    fs_err::remove_file(sandbox.path("runs/adapted/base.gguf")).unwrap();
    let generate = ["generate", "runs/adapted", "--prompt", "It", "--device", "cpu"];
    let go_on = ["train", "--continue", "runs/adapted", "--more-steps", "5", "--device", "cpu"];
    for command in [&generate[..], &go_on] {
        let error = sandbox.fails(command);
        assert!(error.contains("base.gguf is missing"), "{error}");
    }
    assert!(!sandbox.path("runs/adapted-3").exists());

    let bench = "bench --tune --model runs/base --lora 2 --context 8 --batch 2 --steps 1 --json --device cpu";
    let found = sandbox.succeeds(&bench.split(' ').collect::<Vec<_>>());
    let found: Value = serde_json::from_str(&found).unwrap();
    assert!(found["seconds_per_step"].as_f64().unwrap() > 0.0);
}
