//! Whatever the configuration or the weights of a model folder hold is read or refused, never a panic,
//! and nothing in a pickle is run. The first byte says which of them the rest is; the weights are of
//! the model in `model.json`.
#![no_main]

use std::path::Path;
use std::sync::OnceLock;

use burn::tensor::Device;
use libfuzzer_sys::fuzz_target;
use minigpt_model::{CONFIG_FILE, Gpt, GptConfig};

/// The model folder, made once.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    FOLDER.get_or_init(|| tempfile::tempdir().expect("a temporary folder")).path()
}

/// What the folder may hold besides its configuration.
const WEIGHTS: [&str; 4] = [
    "model.safetensors",
    "pytorch_model.bin",
    "model.safetensors.index.json",
    "pytorch_model.bin.index.json",
];

fuzz_target!(|data: &[u8]| {
    let Some((kind, data)) = data.split_first() else { return };
    let config = folder().join(CONFIG_FILE);
    let Some(weights) = WEIGHTS.get(usize::from(*kind) % (WEIGHTS.len() + 1)) else {
        fs_err::write(&config, data).expect("a file");
        let _ = GptConfig::read_hugging_face(&config);
        return;
    };
    fs_err::write(&config, include_str!("../model.json")).expect("a file");
    let weights = folder().join(weights);
    fs_err::write(&weights, data).expect("a file");
    let _ = Gpt::from_pretrained(folder(), &Device::flex());
    fs_err::remove_file(&weights).expect("the file written above");
});
