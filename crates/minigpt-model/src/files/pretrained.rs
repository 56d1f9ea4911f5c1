//! The model in a folder of Hugging Face's layout.

use std::collections::HashMap;
use std::path::Path;

use burn::tensor::Device;

use super::error::WeightsError;
use super::gpt2::check_layout;
use super::safetensors;
use super::weights::Weights;
use crate::model::config::GptConfig;
use crate::model::gpt::Gpt;

/// The name of the configuration in a model folder.
pub const CONFIG_FILE: &str = "config.json";

impl Gpt {
    /// The GPT-2 in a folder of Hugging Face's layout, on `device`: `config.json`
    /// beside `model.safetensors` or `pytorch_model.bin`, each whole or in parts with an index.
    /// Weights of 16 and 64 bits become 32; the head of a classifier beside, `score.weight`, is passed over.
    ///
    /// One tensor at a time is in memory besides the model. Nothing in a pickle is run.
    ///
    /// # Errors
    /// [`WeightsError`]: the folder's files are missing, damaged, of another model, or not finite numbers.
    pub fn from_pretrained(folder: &Path, device: &Device) -> Result<Self, WeightsError> {
        let config = GptConfig::read_hugging_face(&folder.join(CONFIG_FILE))?;
        Weights::open(folder)?.into_model(&config, device)
    }

    /// As [`from_pretrained`](Self::from_pretrained), of the bytes of a `config.json` and of a
    /// `model.safetensors`: for where there are no files, as in a browser.
    ///
    /// # Errors
    /// [`WeightsError`]: one of them is damaged, or of another model.
    pub fn from_bytes(
        config: &[u8],
        weights: Vec<u8>,
        device: &Device,
    ) -> Result<Self, WeightsError> {
        let config = GptConfig::of_hugging_face(Path::new(CONFIG_FILE), config)?;
        Weights::of_bytes(weights)?.into_model(&config, device)
    }

    /// Writes the weights as transformers' `GPT2LMHeadModel` saves them: its names, projections
    /// `[in, out]`, 32-bit floats, the head left to `wte`.
    ///
    /// Whoever opens `path`, now or after a crash, finds the old file or the whole new one.
    ///
    /// # Errors
    /// [`WeightsError::Layout`] where the model is no GPT-2, [`WeightsError::Io`], or
    /// [`WeightsError::Write`] where the device does not give the weights.
    pub fn save_safetensors(&self, path: &Path) -> Result<(), WeightsError> {
        check_layout(self.config(), path)?;
        let parameters = self.config().parameters();
        let mut tensors = self.stored_parameters();
        for (tensor, parameter) in tensors.iter_mut().zip(parameters) {
            tensor.name = parameter.hugging_face_name();
        }
        safetensors::write(path, tensors, HashMap::new())
    }
}
