//! Models as other programs save them, in and out: a folder of Hugging Face's layout, a GGUF file, a checkpoint of
//! nanoGPT's.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use minigpt_gguf::Metadata;

use super::error::WeightsError;
use super::family::Family;
use super::gguf::GgufModel;
use super::nano_gpt::NanoGpt;
use super::safetensors;
use super::weights::Weights;
use crate::matrix::weight_type::WeightType;
use crate::model::config::GptConfig;
use crate::model::gpt::Gpt;

/// The name of the configuration in a model folder.
pub const CONFIG_FILE: &str = "config.json";

/// What a path to a model names, told by its extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PretrainedKind {
    /// A folder of Hugging Face's layout.
    Folder,
    /// A `.gguf` file.
    Gguf,
    /// A `.pt` file, as nanoGPT's `ckpt.pt`.
    NanoGpt,
}

impl PretrainedKind {
    /// What `path` names, whether it is there or not.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        let is = |wanted| path.extension().is_some_and(|found| found.eq_ignore_ascii_case(wanted));
        if is("gguf") {
            Self::Gguf
        } else if is("pt") {
            Self::NanoGpt
        } else {
            Self::Folder
        }
    }
}

/// A model as another program saved it, opened once: what it says of itself is read, its weights are not.
#[derive(Debug)]
pub struct SavedModel {
    path: PathBuf,
    parts: Parts,
}

/// What is read of a model, and where its weights are.
#[derive(Debug)]
enum Parts {
    Folder(GptConfig),
    Gguf(GgufModel),
    NanoGpt(NanoGpt),
}

impl SavedModel {
    /// Opens what `path` has: a folder of Hugging Face's layout with the `config.json` of a GPT-2, Llama, Mistral,
    /// Qwen 2 or Qwen 3 beside `model.safetensors` or `pytorch_model.bin`, each whole or in parts with an index; a
    /// `.gguf` file of such a model; or a `.pt` file as nanoGPT saves it. Nothing in a pickle is run.
    ///
    /// # Errors
    /// [`WeightsError`]: what is there is damaged, or a model that computes something else.
    pub fn open(path: &Path) -> Result<Self, WeightsError> {
        let parts = match PretrainedKind::of(path) {
            PretrainedKind::Folder => {
                Parts::Folder(GptConfig::read_hugging_face(&path.join(CONFIG_FILE))?)
            }
            PretrainedKind::Gguf => Parts::Gguf(GgufModel::open(path)?),
            PretrainedKind::NanoGpt => Parts::NanoGpt(NanoGpt::open(path)?),
        };
        Ok(Self { path: path.to_owned(), parts })
    }

    /// The folder or file that was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Which of the formats it has: a folder in Hugging Face's layout, a GGUF file or nanoGPT's checkpoint.
    #[must_use]
    pub fn kind(&self) -> PretrainedKind {
        match self.parts {
            Parts::Folder(_) => PretrainedKind::Folder,
            Parts::Gguf(_) => PretrainedKind::Gguf,
            Parts::NanoGpt(_) => PretrainedKind::NanoGpt,
        }
    }

    /// The configuration that the files describe; weights are not read for it.
    #[must_use]
    pub fn config(&self) -> &GptConfig {
        match &self.parts {
            Parts::Folder(config) => config,
            Parts::Gguf(model) => &model.config,
            Parts::NanoGpt(model) => &model.config,
        }
    }

    /// What a GGUF file says besides, of its tokenizer for one; `None` of other kinds.
    #[must_use]
    pub fn metadata(&self) -> Option<&Metadata> {
        match &self.parts {
            Parts::Gguf(model) => Some(model.metadata()),
            Parts::Folder(_) | Parts::NanoGpt(_) => None,
        }
    }

    /// Reads the weights, onto `device`. Those of other types become 32-bit floats; the head of a classifier
    /// beside, `score.weight`, is passed over. One tensor at a time is in memory besides the model.
    ///
    /// # Errors
    /// [`WeightsError`]: files are missing, damaged, of another model, or have numbers that are not finite.
    pub fn load(self, device: &Device) -> Result<Gpt, WeightsError> {
        let (config, weights) = self.into_weights()?;
        weights.into_model(&config, device)
    }

    /// The model's shape, and its weights, not yet checked and read.
    pub(crate) fn into_weights(self) -> Result<(GptConfig, Weights), WeightsError> {
        Ok(match self.parts {
            Parts::Folder(config) => {
                let weights = Weights::open(&self.path, Family::nearest(&config).layout())?;
                (config, weights)
            }
            Parts::Gguf(model) => (model.config.clone(), model.into_weights()?),
            Parts::NanoGpt(NanoGpt { config, weights }) => (config, weights),
        })
    }

    /// Bytes of a folder's weights, as they are stored; of nanoGPT's those of its tensors.
    pub(crate) fn stored_bytes(&self) -> Result<u64, WeightsError> {
        match &self.parts {
            Parts::Folder(config) => {
                let weights = Weights::open(&self.path, Family::nearest(config).layout())?;
                Ok(weights.stored_bytes())
            }
            Parts::NanoGpt(model) => Ok(model.weights.stored_bytes()),
            Parts::Gguf(_) => Ok(0),
        }
    }

    /// The GGUF file, where it is one.
    pub(crate) fn gguf(&self) -> Option<&GgufModel> {
        match &self.parts {
            Parts::Gguf(model) => Some(model),
            Parts::Folder(_) | Parts::NanoGpt(_) => None,
        }
    }
}

impl Gpt {
    /// The model that `path` has, on `device`: [`SavedModel::open`] and [`SavedModel::load`] in one.
    ///
    /// # Errors
    /// As of the two.
    pub fn from_pretrained(path: &Path, device: &Device) -> Result<Self, WeightsError> {
        SavedModel::open(path)?.load(device)
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
        let layout = Family::nearest(&config).layout();
        Weights::of_bytes(weights, layout)?.into_model(&config, device)
    }

    /// Writes the weights as transformers saves those of the model's family, under its names; those of a head
    /// that is tied are left to the token embedding.
    ///
    /// Whoever opens `path`, now or after a crash, finds the old file or the whole new one.
    ///
    /// # Errors
    /// [`WeightsError::Layout`] where the model is of no family, [`WeightsError::WeightType`] for a
    /// type that [has blocks](WeightType::has_blocks), [`WeightsError::Io`], or [`WeightsError::Write`] where the device does not give the
    /// weights, or one of them is too large for the type.
    pub fn save_safetensors(
        &self,
        path: &Path,
        weight_type: WeightType,
    ) -> Result<(), WeightsError> {
        let family = Family::of(self.config(), path)?;
        let tensors = self.file_tensors(family.layout()).into_iter();
        let rounded = tensors.map(|(_, tensor)| weight_type.rounded(tensor));
        let tensors = rounded.collect::<Option<_>>().ok_or_else(|| WeightsError::WeightType {
            path: path.to_owned(),
            format: "safetensors",
            weight_type,
            expected: "f32, f16 or bf16",
        })?;
        safetensors::write(path, tensors, HashMap::new())
    }
}
