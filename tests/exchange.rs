//! Models to and from Hugging Face's layout and GGUF: the commands, and what transformers and
//! llama.cpp make of the files.

use std::path::{Path, PathBuf};
use std::process::Command;

use burn::tensor::{Device, Int, Tensor, TensorData};
use minigpt_files::sha256_file;
use minigpt_model::{Gpt, GptConfig, LoraConfig, SpecialIds, WeightType};
use minigpt_text::Pretrained;
use serde_json::Value;

use crate::support::{Sandbox, prose, skipped, train_losses};

/// A Python that has what `tests/python/requirements.txt` lists.
const PYTHON: &str = "MINIGPT_PYTHON";

/// CI sets this, so that a missing Python there is a failure and not a skipped test.
const REQUIRE: &str = "MINIGPT_REQUIRE_PYTHON";

const PROMPT: &str = "In the morning";
/// With the prompt in bytes, within the context of 32: the others do not slide it.
const TOKENS: usize = 12;

/// The Python to compare with, unless `what` is to be skipped.
pub(crate) fn python(what: &str) -> Option<PathBuf> {
    let python = std::env::var_os(PYTHON).map(PathBuf::from);
    assert!(
        python.is_some() || std::env::var_os(REQUIRE).is_none(),
        "{REQUIRE} is set, and {PYTHON} names no Python"
    );
    if python.is_none() {
        skipped(&format!(
            "{what}: {PYTHON} names no Python with tests/python/requirements.txt; .ci/run shows how to make one"
        ));
    }
    python
}

/// What a script of `tests/python` prints.
#[track_caller]
fn script(python: &Path, name: &str, arguments: &[&str]) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/python");
    let mut command = Command::new(python);
    command.arg(folder.join(name)).args(arguments).arg(PROMPT).arg(TOKENS.to_string());
    let output = command.env("HF_HUB_OFFLINE", "1").output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} {}:\n{errors}", arguments.join(" "));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A run that has learnt the prose a little, with this tokenizer.
pub(crate) fn trained(tokenizer: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    let train = "train --preset tiny --data prose.txt --device cpu --max-steps 150 --eval-every 150 --name run --tokenizer";
    let words: Vec<&str> = train.split(' ').chain([tokenizer]).collect();
    sandbox.succeeds(&words);
    sandbox
}

pub(crate) fn export(sandbox: &Sandbox, model: &str, out: &str) -> PathBuf {
    sandbox.succeeds(&["export", model, "--out", out, "--device", "cpu"]);
    sandbox.path(out)
}

/// The command's greedy text.
pub(crate) fn greedy(sandbox: &Sandbox, model: &str) -> String {
    let tokens = TOKENS.to_string();
    let args = ["generate", model, "--prompt", PROMPT, "--greedy", "--max-tokens", &tokens];
    let json = sandbox.succeeds(&[&args[..], &["--json", "--device", "cpu"]].concat());
    serde_json::from_str::<Value>(&json).unwrap()["text"].as_str().unwrap().to_owned()
}

/// Logits after each token, `[time * vocab_size]`.
fn logits(model: &Gpt, ids: &[u32]) -> Vec<f32> {
    let ids: Vec<i32> = ids.iter().map(|id| *id as i32).collect();
    let length = ids.len();
    let tokens = Tensor::<2, Int>::from_data(TensorData::new(ids, [1, length]), &Device::flex());
    model.forward(tokens).into_data().try_into_vec().unwrap()
}

/// Compares a folder's model with what transformers said of it.
#[track_caller]
fn assert_same(folder: &Path, theirs: &Value) {
    assert_logits(folder, PROMPT, theirs, 1e-4);
}

/// The same of another prompt.
#[track_caller]
pub(crate) fn assert_logits(folder: &Path, prompt: &str, theirs: &Value, tolerance: f32) {
    let ours = Pretrained::load(folder, &Device::flex()).unwrap();
    let ids = ours.tokenizer.encode(prompt).unwrap();
    assert_eq!(serde_json::json!(ids), theirs["ids"]);
    let rows = theirs["logits"].as_array().unwrap().iter();
    let theirs = rows.flat_map(|row| row.as_array().unwrap()).map(|x| x.as_f64().unwrap() as f32);
    let theirs: Vec<f32> = theirs.collect();
    let ours = logits(&ours.model, &ids);
    assert_eq!(ours.len(), theirs.len());
    let worst = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= tolerance, "logits differ by up to {worst}");
}

#[test]
fn an_exported_run_writes_the_same_text_and_so_does_its_export() {
    let sandbox = trained("bpe:300");
    let folder = export(&sandbox, "runs/run", "first");
    assert_eq!(greedy(&sandbox, "first"), greedy(&sandbox, "runs/run"));
    let again = export(&sandbox, "first", "second");
    for file in ["model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"] {
        assert!(
            fs_err::read(folder.join(file)).unwrap() == fs_err::read(again.join(file)).unwrap()
        );
    }
    let leftovers = fs_err::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(leftovers.into_iter().all(|name| !name.to_string_lossy().contains("partial")));

    let out = ["attention", "second", PROMPT, "--tokens", "1", "--out", "maps", "--device", "cpu"];
    assert!(sandbox.succeeds(&out).contains("attention.html"));
    let complete = ["complete", "Anne", "--run", "second", "--max-tokens", "3", "--device", "cpu"];
    assert!(sandbox.succeeds(&complete).starts_with("Anne"));
}

#[test]
fn a_model_in_the_hubs_cache_is_found_by_its_name() {
    let sandbox = trained("bpe:300");
    let cached = sandbox.path("home/hub/models--owner--model");
    fs_err::create_dir_all(cached.join("refs")).unwrap();
    fs_err::create_dir_all(cached.join("snapshots")).unwrap();
    let commit = "0123456789".repeat(4);
    fs_err::write(cached.join("refs/main"), &commit).unwrap();
    export(&sandbox, "runs/run", "out");
    fs_err::rename(sandbox.path("out"), cached.join("snapshots").join(commit)).unwrap();
    let args = ["generate", "hf:owner/model", "--prompt", PROMPT, "--greedy", "--max-tokens", "12"];
    let mut command = sandbox.command(&[&args[..], &["--json", "--device", "cpu"]].concat());
    command.env("HF_HOME", sandbox.path("home")).env("HF_HUB_OFFLINE", "1");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let record: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(record["text"].as_str().unwrap(), greedy(&sandbox, "runs/run"));
    assert!(record["checkpoint_step"].is_null());
}

#[test]
fn the_model_card_says_what_the_run_was() {
    let sandbox = trained("bpe:300");
    let args = ["export", "runs/run", "--out", "out", "--license", "mit", "--device", "cpu"];
    sandbox.succeeds(&args);
    let card = fs_err::read_to_string(sandbox.path("out/README.md")).unwrap();
    let summary = fs_err::read(sandbox.path("runs/run/summary.json")).unwrap();
    let summary: Value = serde_json::from_slice(&summary).unwrap();
    let perplexity = summary["best"]["token_perplexity"].as_f64().unwrap();
    for part in [
        "---\nlicense: mit\n",
        "# run\n",
        "`prose.txt`",
        "`bpe:300`",
        "these weights: step 150",
        "learning rate: 0.003 after 20 warm-up steps",
        "![loss](plots/loss.png)",
        &format!("| token perplexity | {perplexity:.2} |"),
        "| bits per byte |",
        "minigpt train --preset tiny",
        summary["samples"][0].as_str().unwrap().lines().next().unwrap(),
        "## Limits",
    ] {
        assert!(card.contains(part), "`{part}` is not in:\n{card}");
    }
    let picture = fs_err::read(sandbox.path("out/plots/loss.png")).unwrap();
    assert_eq!(picture, fs_err::read(sandbox.path("runs/run/plots/loss.png")).unwrap());
}

#[test]
fn what_cannot_be_exported_or_imported_is_said_in_one_line() {
    let sandbox = trained("char");
    export(&sandbox, "runs/run", "out");
    let export =
        |more: &[&str]| sandbox.fails(&[&["export", "runs/run", "--device", "cpu"], more].concat());
    assert!(export(&["--out", "out"]).contains("out already exists: choose another folder"));
    let error = export(&["--gguf", "run.gguf"]);
    assert!(
        error.contains(
            "run.gguf: llama.cpp does not support this tokenizer: it is one of characters"
        ),
        "{error}"
    );
    assert!(!sandbox.path("run.gguf").exists());

    let generate = |model: &str, more: &[&str]| {
        let args = ["generate", model, "--prompt", PROMPT, "--device", "cpu"];
        sandbox.fails(&[&args[..], more].concat())
    };
    assert!(generate("out", &["--average"]).contains("keeps no average"));
    assert!(generate("nowhere", &[]).contains("nowhere does not exist: expected a run folder"));
    let error = generate("nowhere.gguf", &[]);
    assert!(error.contains("nowhere.gguf does not exist: expected a GGUF file; check"), "{error}");
    assert!(generate("nowhere.pt", &[]).contains("nowhere.pt does not exist: expected a file"));
    let spoil = |file: &str, contents: &[u8], message: &str| {
        let path = sandbox.path("out").join(file);
        let before = fs_err::read(&path).unwrap();
        fs_err::write(&path, contents).unwrap();
        let error = generate("out", &[]);
        assert!(error.contains(file) && error.contains(message), "{error}");
        fs_err::write(path, before).unwrap();
    };
    spoil("config.json", br#"{"model_type": "bert"}"#, "has the model_type bert: expected gpt2");
    spoil("model.safetensors", &[255; 40], "it claims a header of 18446744073709551615 bytes");
    spoil("tokenizer.json", b"{}", "is not a usable tokenizer");
    fs_err::remove_file(sandbox.path("out/tokenizer.json")).unwrap();
    assert!(generate("out", &[]).contains("expected tokenizer.json, or vocab.json and merges.txt"));
    let hub = sandbox
        .command(&["generate", "hf:owner/model", "--prompt", PROMPT])
        .env("HF_HUB_OFFLINE", "1")
        .env("HF_HOME", sandbox.path("hub"))
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&hub.stderr);
    assert!(error.contains("error: owner/model cannot be fetched from "), "{error}");
}

/// The model of a folder with another vocabulary, and as many weights again.
fn pad(folder: &Path, vocab_size: usize) {
    let config = GptConfig::read_hugging_face(&folder.join("config.json")).unwrap();
    let config = GptConfig { vocab_size, ..config };
    let model = Gpt::init(&config, 3, &Device::flex()).unwrap();
    fs_err::write(folder.join("config.json"), config.to_hugging_face(&SpecialIds::default()))
        .unwrap();
    model.save_safetensors(&folder.join("model.safetensors"), WeightType::F32).unwrap();
}

/// An untrained model holds all 400 ids for as probable, and would write one beyond its tokenizer's 300
/// within a few tokens.
#[test]
fn a_vocabulary_padded_beyond_the_tokenizer_is_never_written_and_has_no_weight() {
    let sandbox = trained("bpe:300");
    pad(&export(&sandbox, "runs/run", "out"), 400);
    for options in ["-n 4", "--temperature 3 -n 2", "--beams 3", "--greedy"] {
        let args = ["generate", "out", "--prompt", PROMPT, "--device", "cpu", "--max-tokens", "40"];
        let options: Vec<&str> = options.split(' ').collect();
        sandbox.succeeds(&[&args[..], &options].concat());
    }
    let args = ["generate", "out", "--prompt", PROMPT, "--device", "cpu", "--ban", "300"];
    assert!(sandbox.fails(&args).contains("--ban 300: expected ids of the tokenizer, 0 to 299"));

    let eval = "eval out --data prose.txt --device cpu --resamples 0";
    let text = sandbox.succeeds(&eval.split(' ').collect::<Vec<_>>());
    assert!(text.contains("vocabulary: 100 ids of the model are not the tokenizer's"), "{text}");
    let tune = "finetune out --task lm --data prose.txt --device cpu --max-steps 1 --name tuned";
    sandbox.succeeds(&tune.split(' ').collect::<Vec<_>>());
    let loss = train_losses(&sandbox.path("runs/tuned"))[0];
    assert!((loss - 300_f64.ln()).abs() < 0.1, "{loss} is not that of 300 ids");
    let args = ["generate", "runs/tuned", "--prompt", PROMPT, "--device", "cpu", "-n", "4"];
    sandbox.succeeds(&args);
}

#[test]
fn weights_that_are_not_numbers_are_refused_with_their_tensor() {
    let sandbox = trained("bpe:300");
    let folder = export(&sandbox, "runs/run", "out");
    let refused = |model: &str| {
        let eval = ["eval", model, "--data", "prose.txt", "--device", "cpu"];
        let export = ["export", model, "--gguf", "again.gguf", "--device", "cpu"];
        for error in [sandbox.fails(&eval), sandbox.fails(&export)] {
            assert!(error.contains(" contains NaN, first at index "), "{error}");
        }
        assert!(!sandbox.path("again.gguf").exists());
    };
    spoil(&folder.join("model.safetensors"));
    refused("out");

    let set = sandbox.path("runs/run/checkpoints/step-000150");
    spoil(&set.join("model.bpk"));
    let path = set.join("manifest.json");
    let mut manifest: Value = serde_json::from_slice(&fs_err::read(&path).unwrap()).unwrap();
    manifest["sha256"]["model.bpk"] = sha256_file(&set.join("model.bpk")).unwrap().into();
    fs_err::write(&path, manifest.to_string()).unwrap();
    refused("runs/run");
}

/// Makes the last number of a file of weights NaN.
fn spoil(path: &Path) {
    let mut bytes = fs_err::read(path).unwrap();
    let last = bytes.len() - 4;
    bytes[last..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs_err::write(path, bytes).unwrap();
}

#[test]
fn configurations_of_other_versions_are_read_and_other_models_refused_by_field() {
    let sandbox = trained("bpe:300");
    let folder = export(&sandbox, "runs/run", "out");
    let path = folder.join("config.json");
    let written: Value = serde_json::from_slice(&fs_err::read(&path).unwrap()).unwrap();
    let with = |field: &str, value: Value| {
        let mut config = written.clone();
        config[field] = value;
        fs_err::write(&path, config.to_string()).unwrap();
    };
    with("torch_dtype", "float16".into());
    assert_eq!(greedy(&sandbox, "out"), greedy(&sandbox, "runs/run"));
    let args = ["generate", "out", "--prompt", PROMPT, "--device", "cpu"];
    for (field, value) in [
        ("activation_function", "relu".into()),
        ("scale_attn_weights", false.into()),
        ("quantization_config", serde_json::json!({ "bits": 4 })),
    ] {
        with(field, value);
        let error = sandbox.fails(&args);
        assert!(error.contains("config.json") && error.contains(field), "{error}");
        assert!(error.contains(": expected "), "{error}");
    }
}

#[test]
fn transformers_computes_the_same_from_an_exported_run() {
    let Some(python) = python("an exported run in transformers") else { return };
    for tokenizer in ["bpe:300", "byte", "char", "gpt2"] {
        let sandbox = trained(tokenizer);
        let folder = export(&sandbox, "runs/run", "out");
        let theirs = script(&python, "with_transformers.py", &["read", folder.to_str().unwrap()]);
        assert_same(&folder, &theirs);
        assert_eq!(theirs["text"].as_str().unwrap(), greedy(&sandbox, "runs/run"), "{tokenizer}");
    }
}

#[test]
fn what_transformers_saves_computes_the_same_here() {
    let Some(python) = python("a folder saved by transformers") else { return };
    let sandbox = trained("bpe:300");
    let tokenizer = export(&sandbox, "runs/run", "out");
    let theirs = sandbox.path("theirs");
    let arguments = ["write", tokenizer.to_str().unwrap(), theirs.to_str().unwrap()];
    let reference = script(&python, "with_transformers.py", &arguments);
    assert!(theirs.join("model.safetensors.index.json").exists(), "not in parts");
    assert_same(&theirs, &reference);
    assert_eq!(reference["text"].as_str().unwrap(), greedy(&sandbox, "theirs"));
}

#[test]
fn an_adapter_computes_the_same_in_peft_and_here() {
    let Some(python) = python("an adapter in peft") else { return };
    let sandbox = trained("bpe:300");
    let base = export(&sandbox, "runs/run", "base");
    let peft = |command: &str, adapter: &Path| {
        let arguments = [command, base.to_str().unwrap(), adapter.to_str().unwrap()];
        script(&python, "with_peft.py", &arguments)
    };
    // Factors, and with the lengths of columns.
    for kind in ["write", "dora"] {
        let theirs = sandbox.path(kind);
        let reference = peft(kind, &theirs);
        let merged = format!("{kind}-merged");
        sandbox.succeeds(&[
            "export",
            "base",
            "--adapter",
            kind,
            "--out",
            &merged,
            "--device",
            "cpu",
        ]);
        assert_same(&sandbox.path(&merged), &reference);
        assert_ne!(greedy(&sandbox, "base"), greedy(&sandbox, &merged), "{kind} does nothing");

        let Pretrained { model, .. } = Pretrained::load(&base, &Device::flex()).unwrap();
        let adapted = model.with_adapter(&theirs).unwrap();
        let ours = sandbox.path(&format!("{kind}-ours"));
        fs_err::create_dir(&ours).unwrap();
        adapted.save_adapter(&LoraConfig::read_peft(&theirs).unwrap(), "base", &ours).unwrap();
        assert_eq!(peft("read", &ours), reference, "{kind}");
    }
}

#[test]
fn llama_cpp_writes_the_same_text() {
    let Some(python) = python("a GGUF file in llama.cpp") else { return };
    for tokenizer in ["bpe:300", "byte", "gpt2"] {
        let sandbox = trained(tokenizer);
        sandbox.succeeds(&["export", "runs/run", "--gguf", "run.gguf", "--device", "cpu"]);
        let file = sandbox.path("run.gguf");
        let theirs = script(&python, "with_llama_cpp.py", &[file.to_str().unwrap()]);
        assert_eq!(theirs["text"].as_str().unwrap(), greedy(&sandbox, "runs/run"), "{tokenizer}");
    }
}
