//! The `config.json` of a model folder, whatever its family.

use std::path::Path;

use minigpt_files::excerpt;
use serde_json::{Map, Value};

use super::error::WeightsError;
use super::family::Family;
use super::fields::{CONFIG, shown};
use super::special_ids::SpecialIds;
use super::{gpt2, llama};
use crate::model::config::GptConfig;

impl GptConfig {
    /// Reads a `config.json` of Hugging Face's layout: of `GPT2LMHeadModel`, `LlamaForCausalLM`,
    /// `MistralForCausalLM`, `Qwen2ForCausalLM` or `Qwen3ForCausalLM`. Fields that do not change what the model
    /// computes are passed over.
    ///
    /// # Errors
    /// [`WeightsError::Architecture`] where it is of another family, [`WeightsError::Config`] where it
    /// is damaged or of a model that computes something else, by the field's name; [`WeightsError::Io`].
    pub fn read_hugging_face(path: &Path) -> Result<Self, WeightsError> {
        Self::of_hugging_face(path, &minigpt_files::read(path, CONFIG)?)
    }

    /// The same, of the bytes of the file `path`.
    pub(crate) fn of_hugging_face(path: &Path, json: &[u8]) -> Result<Self, WeightsError> {
        let refused = |reason: String| WeightsError::Config { path: path.to_owned(), reason };
        let fields: Map<String, Value> =
            serde_json::from_slice(json).map_err(|error| refused(excerpt(&error.to_string())))?;
        let found = fields.get("model_type").filter(|found| !found.is_null());
        let model_type = found.and_then(Value::as_str);
        let config = match model_type.and_then(Family::named) {
            Some(Family::Gpt2) => gpt2::read(fields),
            Some(family) => llama::read(family, fields),
            None => {
                let (path, field) = (path.to_owned(), "model_type");
                let found = match (model_type, found) {
                    (Some(name), _) => excerpt(name),
                    (None, Some(value)) => shown(value),
                    (None, None) => "not named".to_owned(),
                };
                return Err(WeightsError::Architecture { path, field, found });
            }
        };
        let config = config.map_err(refused)?;
        config.validate().map_err(|error| refused(error.to_string()))?;
        Ok(config)
    }

    /// The same as [`read_hugging_face`](Self::read_hugging_face) reads, as indented JSON, for a tokenizer with
    /// these special tokens: of the family that the model is of, GPT-2, Llama, Qwen 2 or Qwen 3. What no family
    /// has a field for is left out; [`save_safetensors`](crate::Gpt::save_safetensors) refuses such a model. Of
    /// the dropout rates all but GPT-2 have that of attention alone.
    #[must_use]
    #[allow(clippy::missing_panics_doc, reason = "numbers and strings are JSON")]
    pub fn to_hugging_face(&self, ids: &SpecialIds) -> String {
        let json = match Family::nearest(self) {
            Family::Gpt2 => gpt2::write(self, ids),
            family => llama::write(family, self, ids),
        };
        json.expect("numbers and strings are JSON")
    }
}
