//! The weights of a model folder, as PyTorch saves them: a ZIP archive with a pickle, or pickles alone.

use burn::tensor::Device;
use minigpt_model::Gpt;

/// True where the bytes are a `pytorch_model.bin` of the model of `gpt2.json`.
pub(crate) fn pytorch(bytes: &[u8]) -> bool {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write =
        |name, bytes: &[u8]| fs_err::write(folder.path().join(name), bytes).expect("a file");
    write("config.json", include_bytes!("gpt2.json"));
    write("pytorch_model.bin", bytes);
    Gpt::from_pretrained(folder.path(), &Device::flex()).is_ok()
}
