//! The `config.json` of a model in Hugging Face's layout.

use minigpt_model::{GptConfig, SpecialIds};

/// True where the bytes are a configuration. One that is read is valid, and survives its own JSON.
pub(crate) fn hugging_face_config(bytes: &[u8]) -> bool {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    fs_err::write(file.path(), bytes).expect("a file");
    let Ok(config) = GptConfig::read_hugging_face(file.path()) else { return false };
    config.validate().expect("what was read is valid");
    fs_err::write(file.path(), config.to_hugging_face(&SpecialIds::default())).expect("a file");
    let again = GptConfig::read_hugging_face(file.path()).expect("what we write is read");
    assert_eq!(again, config);
    true
}
