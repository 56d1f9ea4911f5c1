//! A model in a folder of Hugging Face's layout, with its tokenizer.

use std::path::Path;

use burn::tensor::Device;
use minigpt_data::Tokenizer;
use minigpt_files::Limit;
use minigpt_model::{CONFIG_FILE, Gpt, GptConfig};

use crate::error::TextError;

/// As much as any program writes of a model or a run, whose configuration has the same name.
const CONFIG: Limit = Limit::new(1 << 20, "a configuration");

/// A model and its tokenizer as others made them.
#[derive(Debug)]
pub struct Pretrained {
    /// The model.
    pub model: Gpt,
    /// Its tokenizer.
    pub tokenizer: Tokenizer,
}

impl Pretrained {
    /// True where the folder's `config.json` is of Hugging Face's layout, be it of a model that can be
    /// loaded or not; the configuration of a run is another.
    pub fn is_in(folder: &Path) -> bool {
        let config = minigpt_files::read(&folder.join(CONFIG_FILE), CONFIG).ok();
        let config: Option<serde_json::Value> =
            config.and_then(|json| serde_json::from_slice(&json).ok());
        config.is_some_and(|config| !config["model_type"].is_null())
    }

    /// Loads the model of a folder, onto `device`, and its tokenizer, which may have fewer ids: what the
    /// model's vocabulary is padded with is then never written, and has no weight in a loss.
    ///
    /// # Errors
    /// [`TextError::Weights`] or [`TextError::Data`] where the files are not those of a GPT-2,
    /// [`TextError::TokenizerTooLarge`] where the tokenizer is another model's.
    pub fn load(folder: &Path, device: &Device) -> Result<Self, TextError> {
        // First, because it is the quicker to fail.
        let tokenizer = Tokenizer::in_folder(folder)?;
        let config = GptConfig::read_hugging_face(&folder.join(CONFIG_FILE))?;
        if tokenizer.vocab_size() > config.vocab_size {
            return Err(TextError::TokenizerTooLarge {
                path: folder.to_owned(),
                ids: tokenizer.vocab_size(),
                vocab_size: config.vocab_size,
            });
        }
        let model = Gpt::from_pretrained(folder, device)?;
        let model = model.with_tokenizer_size(tokenizer.vocab_size());
        Ok(Self { model, tokenizer })
    }
}
