//! Damaged checkpoints: each is named in one line, and the one before it is used.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use crate::served::Served;
use crate::support::{Sandbox, prose, train_losses};

/// A run of twenty steps with sets at 10 and 20.
fn trained() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    let train = "train --preset tiny --data prose.txt --tokenizer bpe:300 --device cpu --max-steps 20 --eval-every 10 --name run";
    sandbox.succeeds(&train.split(' ').collect::<Vec<_>>());
    sandbox
}

#[test]
fn each_checkpoint_of_a_run_is_a_model_by_its_folder() {
    let sandbox = trained();
    let generate = |model: &str| {
        let rest = ["--prompt", "In the", "--max-tokens", "20", "--logprobs", "--device", "cpu"];
        sandbox.succeeds(&[&["generate", model][..], &rest].concat())
    };
    let (early, late) = ("runs/run/checkpoints/step-000010", "runs/run/checkpoints/step-000020");
    assert_ne!(generate(early), generate(late));
    // The better of the two is the run's.
    assert_eq!(generate(late), generate("runs/run"));

    let served = Served::start(&sandbox, &[early, late]);
    let (status, models) = served.get("/v1/models");
    assert_eq!(status, 200);
    assert!(models.contains("\"run-step-10\"") && models.contains("\"run-step-20\""), "{models}");

    // What is measured of it does not replace what was measured of the run.
    let eval = |model: &str| sandbox.succeeds(&["eval", model, "--device", "cpu"]);
    eval("runs/run");
    let before = contents(&sandbox.path("runs/run/evaluation"));
    eval(early);
    let after = contents(&sandbox.path("runs/run/evaluation/step-10"));
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    assert_ne!(before, after);

    let error = sandbox.fails(&["generate", "runs/run/checkpoints/step-000015", "--prompt", "In"]);
    assert!(error.contains("no checkpoint of step 15: expected one of [10, 20]"), "{error}");
    fs_err::remove_file(sandbox.path(early).join("model.bpk")).unwrap();
    let error = sandbox.fails(&["generate", early, "--prompt", "In", "--device", "cpu"]);
    assert!(error.contains("step-000010") && error.contains("model.bpk"), "{error}");
}

/// Changes one file of the newest set, and expects `message` in the warning of whoever reads it:
/// a resumed run, which then takes the last ten steps again and keeps what it could not read, and a
/// generation.
#[track_caller]
fn warns(file: &str, damage: impl Fn(Vec<u8>) -> Option<Vec<u8>>, message: &str) {
    let sandbox = trained();
    let set = sandbox.path("runs/run/checkpoints/step-000020");
    let path = set.join(file);
    match damage(fs_err::read(&path).unwrap()) {
        Some(bytes) => fs_err::write(&path, bytes).unwrap(),
        None => fs_err::remove_file(&path).unwrap(),
    }
    let damaged = contents(&set);
    for command in [
        "generate runs/run --prompt In --max-tokens 2 --device cpu",
        "train --resume runs/run --device cpu",
    ] {
        let output = sandbox.minigpt(&command.split(' ').collect::<Vec<_>>());
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{command}: {errors}");
        let warnings: Vec<_> =
            errors.lines().filter(|line| line.starts_with("warning: ")).collect();
        assert_eq!(warnings.len(), 1, "{command}: {errors}");
        assert!(warnings[0].contains(message) && warnings[0].contains("step-000020"), "{errors}");
    }
    assert_eq!(train_losses(&sandbox.path("runs/run")).len(), 20);
    assert!(set.join("manifest.json").exists());
    assert!(contents(&set.with_extension("damaged")) == damaged, "it was not kept as it was");
}

/// The files of a folder.
fn contents(folder: &Path) -> BTreeMap<OsString, Vec<u8>> {
    let entries = fs_err::read_dir(folder).unwrap().map(Result::unwrap);
    let files = entries.filter(|entry| entry.path().is_file());
    files.map(|entry| (entry.file_name(), fs_err::read(entry.path()).unwrap())).collect()
}

/// The manifest with one value changed.
fn manifest(key: &'static str, value: serde_json::Value) -> impl Fn(Vec<u8>) -> Option<Vec<u8>> {
    move |bytes| {
        let mut manifest: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        manifest[key] = value.clone();
        Some(serde_json::to_vec(&manifest).unwrap())
    }
}

#[test]
fn cut_short() {
    warns("optimizer.bpk", |bytes| Some(bytes[..100].to_vec()), "optimizer.bpk is damaged");
}

#[test]
fn a_bit_turned() {
    let turn = |mut bytes: Vec<u8>| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        Some(bytes)
    };
    warns("model.bpk", turn, "model.bpk is damaged");
}

#[test]
fn a_file_missing() {
    warns("schedule.bpk", |_| None, "schedule.bpk");
    warns("manifest.json", |_| None, "manifest.json");
}

#[test]
fn no_manifest_at_all() {
    warns("manifest.json", |_| Some(b"{".to_vec()), "manifest.json is damaged: EOF while parsing");
    warns("manifest.json", |_| Some(b"{}".to_vec()), "its format is null and this minigpt reads 2");
}

#[test]
fn of_a_newer_format_version() {
    // An older program must not cost a newer one its best set.
    let message = "its format is 99 and this minigpt reads 2: use the version that wrote it";
    warns("manifest.json", manifest("format", 99.into()), message);
}

#[test]
fn of_a_model_that_no_memory_holds() {
    let huge = |bytes: Vec<u8>| {
        let mut manifest: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        manifest["model"]["n_embd"] = 4_000_000_000_000_u64.into();
        manifest["model"]["n_head"] = 1.into();
        Some(serde_json::to_vec(&manifest).unwrap())
    };
    warns("manifest.json", huge, "n_embd 4000000000000 is too large");

    // A model that could be: nothing is allocated that the file cannot fill.
    let sandbox = trained();
    let path = sandbox.path("runs/run/checkpoints/step-000020/manifest.json");
    let mut manifest: serde_json::Value =
        serde_json::from_slice(&fs_err::read(&path).unwrap()).unwrap();
    manifest["model"]["n_embd"] = 20_000.into();
    fs_err::write(&path, serde_json::to_vec(&manifest).unwrap()).unwrap();
    let error = sandbox.fails(&["generate", "runs/run", "--prompt", "In", "--device", "cpu"]);
    assert!(error.contains("model.bpk is damaged: ") && error.contains("cannot hold"), "{error}");
}

#[test]
fn that_lead_elsewhere() {
    let listing = |name: &'static str| {
        move |bytes: Vec<u8>| {
            let mut manifest: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            manifest["sha256"][name] = "0".repeat(64).into();
            Some(serde_json::to_vec(&manifest).unwrap())
        }
    };
    for name in ["/dev/zero", "../../../prose.txt"] {
        let message = format!("it lists {name:?}; expected the name of a file beside it");
        warns("manifest.json", listing(name), &message);
    }
    let large = |_| Some(vec![b' '; 2 << 20]);
    warns("manifest.json", large, "too much for the manifest of a checkpoint");
}

#[cfg(unix)]
#[test]
fn a_run_whose_files_have_no_end_is_refused() {
    let sandbox = trained();
    let run = sandbox.path("runs/run");
    let fails = |file: &str| {
        let path = run.join(file);
        let whole = fs_err::read(&path).unwrap();
        fs_err::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        let error = sandbox.fails(&["generate", "runs/run", "--prompt", "In", "--device", "cpu"]);
        fs_err::remove_file(&path).unwrap();
        fs_err::write(&path, whole).unwrap();
        error
    };
    assert!(fails("config.json").contains("runs/run is not a run folder"));
    assert!(fails("tokenizer.json").contains("tokenizer.json: a device, a pipe or a socket"));
}

/// What one run's tokenizer makes of ids is not what another's does.
#[test]
fn with_another_tokenizer_a_run_is_neither_asked_nor_resumed() {
    let sandbox = trained();
    let train = "train --preset tiny --data prose.txt --tokenizer bpe:290 --device cpu --max-steps 1 --name other";
    sandbox.succeeds(&train.split(' ').collect::<Vec<_>>());
    let own = sandbox.path("runs/run/tokenizer.json");
    let whole = fs_err::read(&own).unwrap();
    fs_err::copy(sandbox.path("runs/other/tokenizer.json"), &own).unwrap();
    // So that there is something left to do.
    let config = sandbox.path("runs/run/config.json");
    let text = fs_err::read_to_string(&config).unwrap();
    fs_err::write(&config, text.replace("\"max_steps\": 20", "\"max_steps\": 30")).unwrap();
    for command in [
        "generate runs/run --prompt In --device cpu",
        "train --resume runs/run --device cpu",
        "train --resume runs/run --device cpu --dry-run",
        "eval runs/run --device cpu",
        "export runs/run --out exported",
        "finetune runs/run --task lm --data prose.txt --device cpu",
    ] {
        let error = sandbox.fails(&command.split(' ').collect::<Vec<_>>());
        let message = "runs/run/tokenizer.json is not the tokenizer that the run was trained with";
        assert!(error.contains(message), "{command}: {error}");
        let copy = "restore it from runs/run/checkpoints/step-000020/tokenizer.json";
        assert!(error.ends_with(copy), "{command}: {error}");
    }
    assert!(!sandbox.path("exported").exists());
    let copy = |step: &str| sandbox.path(&format!("runs/run/checkpoints/{step}/tokenizer.json"));
    fs_err::copy(copy("step-000020"), &own).unwrap();
    sandbox.succeeds(&["train", "--resume", "runs/run", "--device", "cpu"]);
    assert!(fs_err::read(copy("step-000030")).unwrap() == whole);
}

#[test]
fn of_another_step() {
    warns("manifest.json", manifest("step", 15.into()), "it is of step 15, not of 20");
}

#[test]
fn of_another_model_shape() {
    let sandbox = trained();
    let path = sandbox.path("runs/run/checkpoints/step-000020/manifest.json");
    let mut manifest: serde_json::Value =
        serde_json::from_slice(&fs_err::read(&path).unwrap()).unwrap();
    manifest["model"]["n_layer"] = 1.into();
    fs_err::write(&path, serde_json::to_vec(&manifest).unwrap()).unwrap();
    // The run is complete, unless its last validation is missing.
    let config = sandbox.path("runs/run/config.json");
    let text = fs_err::read_to_string(&config).unwrap();
    fs_err::write(&config, text.replace("\"max_steps\": 20", "\"max_steps\": 30")).unwrap();
    let error = sandbox.fails(&["train", "--resume", "runs/run", "--device", "cpu"]);
    assert!(error.contains("step-000020 is damaged: its model is not the one in"), "{error}");
}

#[test]
fn with_every_set_damaged_the_run_says_so_and_stays_as_it_is() {
    let sandbox = trained();
    for step in ["000010", "000020"] {
        let model = sandbox.path(&format!("runs/run/checkpoints/step-{step}/model.bpk"));
        fs_err::write(model, "foreign").unwrap();
    }
    let rows = fs_err::read(sandbox.path("runs/run/metrics.csv")).unwrap();
    let resume = sandbox.fails(&["train", "--resume", "runs/run", "--device", "cpu"]);
    assert!(resume.contains("has no intact checkpoint"), "{resume}");
    let generate = sandbox.fails(&["generate", "runs/run", "--prompt", "In", "--device", "cpu"]);
    assert!(generate.contains("has no intact checkpoint"), "{generate}");
    assert_eq!(fs_err::read(sandbox.path("runs/run/metrics.csv")).unwrap(), rows);
}

/// Temporary names are nobody's: what is beside a picture or an exported model stays.
#[test]
fn nothing_beside_an_export_or_a_picture_is_touched() {
    let sandbox = trained();
    fs_err::create_dir(sandbox.path("model.partial")).unwrap();
    for file in ["model.partial/mine", "model.gguf.partial", "chart.partial", "chart.png.partial"] {
        sandbox.write(file, "the user's");
    }
    let run = |command: &str| sandbox.succeeds(&command.split(' ').collect::<Vec<_>>());
    run("export runs/run --out model/ --gguf model.gguf --device cpu");
    run("plot runs/run --out chart.png");
    for file in ["model.partial/mine", "model.gguf.partial", "chart.partial", "chart.png.partial"] {
        assert_eq!(fs_err::read_to_string(sandbox.path(file)).unwrap(), "the user's", "{file}");
    }
    assert!(sandbox.path("model/model.safetensors").is_file());
    assert!(fs_err::read(sandbox.path("model.gguf")).unwrap().starts_with(b"GGUF"));
    let error = sandbox.fails(&["export", "runs/run", "--out", "model", "--device", "cpu"]);
    assert!(error.contains("model already exists"), "{error}");
    // An export is replaced by another, but neither a file of another kind nor the model itself.
    run("export runs/run --gguf model.gguf --device cpu");
    let error = sandbox.fails(&["export", "runs/run", "--gguf", "chart.partial"]);
    assert!(error.contains("chart.partial is there already, and is no GGUF file"), "{error}");
    let error = sandbox.fails(&["export", "model.gguf", "--gguf", "./model.gguf"]);
    assert!(error.contains("that is the model itself"), "{error}");
    // What is missing beside the weights keeps nobody from them.
    for file in ["metrics.csv", "environment.json", "summary.json"] {
        sandbox.write(&format!("runs/run/{file}"), "{");
    }
    let output = sandbox.minigpt(&["export", "runs/run", "--out", "again", "--device", "cpu"]);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{errors}");
    assert_eq!(errors.matches("; the model card goes without it").count(), 2, "{errors}");
    // One that fails leaves nothing.
    sandbox.write("runs/run/plots/loss.png", vec![0; 17 << 20]);
    let error = sandbox.fails(&["export", "runs/run", "--out", "failed/", "--device", "cpu"]);
    assert!(error.contains("too much for a picture of a run"), "{error}");
    let names = contents_names(&sandbox.path("."));
    let left: Vec<_> = names
        .iter()
        .filter(|name| name.starts_with("failed") || name.starts_with(".minigpt"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

/// The names in a folder.
fn contents_names(folder: &Path) -> Vec<String> {
    let entries = fs_err::read_dir(folder).unwrap().map(Result::unwrap);
    let files = entries.filter(|entry| entry.path().is_file());
    files.map(|entry| entry.file_name().into_string().unwrap()).collect()
}
