//! Models of each family as we export them: what transformers and llama.cpp make of the files.

use std::path::{Path, PathBuf};
use std::process::Command;

use burn::tensor::{Device, Int, Tensor, TensorData};
use minigpt_gguf::Value;
use minigpt_model::{Generator, Gpt, Sampling, SpecialIds, WeightType};

use crate::exchange::python;

/// Random models that transformers saved.
const FAMILIES: [&str; 7] =
    ["llama", "llama-biased", "llama3", "mistral", "qwen2", "qwen3", "gpt2-variant"];

/// What the ids of their vocabulary of 40 stand for.
const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz0123456789,.;:";

const PROMPT: &str = "minigpt";
const TOKENS: usize = 24;

fn model(family: &str) -> Gpt {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../minigpt-model/tests/fixtures");
    Gpt::from_pretrained(&fixtures.join("families").join(family), &Device::flex()).unwrap()
}

fn ids() -> Vec<u32> {
    PROMPT.chars().map(|letter| LETTERS.find(letter).unwrap() as u32).collect()
}

/// What a script of `tests/python` prints.
#[track_caller]
pub(crate) fn script(python: &PathBuf, arguments: &[&str]) -> serde_json::Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/python");
    let mut command = Command::new(python);
    command.arg(folder.join(arguments[0])).args(&arguments[1..]).env("HF_HUB_OFFLINE", "1");
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}:\n{errors}", arguments.join(" "));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn transformers_computes_the_same_from_each_familys_folder() {
    let Some(python) = python("each family's folder in transformers") else { return };
    let root = tempfile::tempdir().unwrap();
    let cases: Vec<(&str, WeightType)> = FAMILIES
        .into_iter()
        .map(|family| (family, WeightType::F32))
        .chain([("llama", WeightType::Bf16), ("qwen3", WeightType::F16)])
        .collect();
    let folders: Vec<PathBuf> = cases
        .iter()
        .map(|(family, weight_type)| {
            let folder = root.path().join(format!("{family}-{weight_type}"));
            fs_err::create_dir(&folder).unwrap();
            let model = model(family);
            let config = model.config().to_hugging_face(&SpecialIds::default());
            fs_err::write(folder.join("config.json"), config).unwrap();
            model.save_safetensors(&folder.join("model.safetensors"), *weight_type).unwrap();
            folder
        })
        .collect();
    let json = serde_json::to_string(&ids()).unwrap();
    let paths = folders.iter().map(|folder| folder.to_str().unwrap());
    let arguments: Vec<&str> = ["with_ids.py", &json].into_iter().chain(paths).collect();
    let theirs: Vec<Vec<f32>> = serde_json::from_value(script(&python, &arguments)).unwrap();
    assert_eq!(theirs.len(), cases.len());
    for (((family, weight_type), folder), theirs) in cases.into_iter().zip(&folders).zip(theirs) {
        // Of the rounded weights.
        let model = Gpt::from_pretrained(folder, &Device::flex()).unwrap();
        let row: Vec<i32> = ids().into_iter().map(|id| id as i32).collect();
        let tokens = TensorData::new(row, [1, PROMPT.len()]);
        let logits = model.forward(Tensor::<2, Int>::from_data(tokens, &Device::flex()));
        let ours: Vec<f32> = logits.into_data().try_into_vec().unwrap();
        assert_eq!(ours.len(), theirs.len());
        let pairs = ours.iter().zip(&theirs);
        let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst <= 1e-4, "{family} in {weight_type}: logits differ by up to {worst}");
    }
}

#[test]
fn llama_cpp_writes_the_same_text_with_each_familys_file() {
    let Some(python) = python("each family's GGUF file in llama.cpp") else { return };
    let tokens: Vec<String> = LETTERS.chars().map(String::from).collect();
    let metadata: Vec<(String, Value)> = [
        ("tokenizer.ggml.model", "gpt2".into()),
        ("tokenizer.ggml.pre", "gpt-2".into()),
        ("tokenizer.ggml.token_type", vec![1_i32; tokens.len()].into()),
        ("tokenizer.ggml.tokens", tokens.into()),
        ("tokenizer.ggml.merges", Vec::<String>::new().into()),
        ("tokenizer.ggml.add_bos_token", false.into()),
    ]
    .map(|(key, value): (&str, Value)| (key.to_owned(), value))
    .into();
    for family in FAMILIES.into_iter().filter(|family| *family != "gpt2-variant") {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model.gguf");
        let model = model(family);
        let ours = Generator::new(&model, &ids(), Sampling::Greedy, 0).unwrap();
        let ours: Vec<u32> = ours.take(TOKENS).map(|id| id.unwrap()).collect();
        // llama.cpp stops at an end of text and takes one of these letters for it, if no other is named.
        let end = (0..LETTERS.len() as u32).find(|id| !ours.contains(id)).unwrap();
        let end = ("tokenizer.ggml.eos_token_id".to_owned(), end.into());
        let metadata: Vec<_> = metadata.iter().cloned().chain([end]).collect();
        model.save_gguf(&metadata, WeightType::F32, &file).unwrap();
        let count = TOKENS.to_string();
        let arguments = ["with_llama_cpp.py", file.to_str().unwrap(), PROMPT, &count];
        let theirs = script(&python, &arguments);
        let letter = |id: u32| LETTERS.chars().nth(id as usize).unwrap();
        let ours: String = ours.into_iter().map(letter).collect();
        assert_eq!(theirs["text"].as_str().unwrap(), format!("{PROMPT}{ours}"), "{family}");
    }
}
