//! The weights of a model folder, in safetensors.

use burn::tensor::Device;
use minigpt_model::Gpt;

/// True where the bytes are a `model.safetensors` of the model of `gpt2.json`.
pub(crate) fn safetensors(bytes: &[u8]) -> bool {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write =
        |name, bytes: &[u8]| fs_err::write(folder.path().join(name), bytes).expect("a file");
    write("config.json", include_bytes!("gpt2.json"));
    write("model.safetensors", bytes);
    Gpt::from_pretrained(folder.path(), &Device::flex()).is_ok()
}
