//! Weights in GPT-2's names, in and out of safetensors files.

use std::path::Path;

use burn::store::{ModuleSnapshot, SafetensorsStore};

use crate::gpt::Gpt;

/// Weights that could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file cannot be read, or its tensors do not fit the model.
    #[error("cannot load weights from {path}: {reason}")]
    Load {
        /// The file.
        path: String,
        /// What was wrong with it.
        reason: String,
    },
}

impl Gpt {
    /// This model with the weights of a safetensors file in the layout of Hugging Face's GPT-2
    /// (names with or without the `transformer.` prefix, projections stored `[in, out]`).
    ///
    /// # Errors
    /// [`WeightsError::Load`] where the file is missing, damaged, or of another shape.
    pub fn load_safetensors(mut self, path: &Path) -> Result<Self, WeightsError> {
        let failed =
            |reason: String| WeightsError::Load { path: path.display().to_string(), reason };
        let mut store = SafetensorsStore::from_file(path)
            .with_key_remapping(r"^transformer\.", "")
            .allow_partial(false);
        self.load_from(&mut store).map_err(|error| failed(error.to_string()))?;
        Ok(self)
    }
}
