//! A LoRA adapter in PEFT's layout.

use burn::tensor::Device;
use minigpt_model::{Gpt, GptConfig};

/// True where the bytes are an `adapter_config.json`, a NUL and an `adapter_model.safetensors` for the model
/// of `gpt2.json`.
pub(crate) fn adapter(bytes: &[u8]) -> bool {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write =
        |name, bytes: &[u8]| fs_err::write(folder.path().join(name), bytes).expect("a file");
    let cut = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    write("adapter_config.json", &bytes[..cut]);
    write("adapter_model.safetensors", bytes.get(cut + 1..).unwrap_or_default());
    write("config.json", include_bytes!("gpt2.json"));
    let config = GptConfig::read_hugging_face(&folder.path().join("config.json"));
    let config = config.expect("a valid configuration");
    let base = Gpt::init(&config, 0, &Device::flex()).expect("a valid shape");
    base.with_adapter(folder.path()).is_ok()
}
