//! What can be wrong with a model's files.

use std::path::PathBuf;

use minigpt_gguf::{GgufError, TensorError};

use crate::matrix::weight_type::WeightType;
use crate::model::config::ConfigError;

/// A model folder that could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The configuration is of another kind of model.
    #[error("{path} has the {field} {found}: expected gpt2, llama, mistral, qwen2 or qwen3")]
    Architecture {
        /// The configuration, or the GGUF file.
        path: PathBuf,
        /// `model_type` or `general.architecture`.
        field: &'static str,
        /// What stands there.
        found: String,
    },
    /// The configuration is damaged, or asks for what [`Gpt`](crate::Gpt) does not do.
    #[error("{path} is not a supported model configuration: {reason}")]
    Config {
        /// The configuration.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The shape is invalid.
    #[error(transparent)]
    Shape(#[from] ConfigError),
    /// No weights in a format that can be read.
    #[error(
        "{folder} has no weights: expected model.safetensors or pytorch_model.bin, or their index and parts"
    )]
    NoWeights {
        /// The folder.
        folder: PathBuf,
    },
    /// A file of weights, or an index of such files, is not what its name says.
    #[error("{path} is damaged: {reason}; get the file again")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A pickle that asks for Python objects other than tensors and their containers.
    #[error(
        "{path} is a pickle that loads the Python object {name}: expected tensors only; no code was run; use the model's safetensors file or another copy"
    )]
    Code {
        /// The file.
        path: PathBuf,
        /// What it asks for.
        name: String,
    },
    /// A parameter of the model is not among the weights.
    #[error(
        "{path} has no tensor {name}: by the model's configuration, expected one of shape {expected:?}"
    )]
    Missing {
        /// The file or folder.
        path: PathBuf,
        /// The parameter.
        name: String,
        /// Its shape in the model.
        expected: Vec<usize>,
    },
    /// A tensor that the model has no place for.
    #[error(
        "{path} has an unexpected tensor {name}: the model's configuration has no such parameter"
    )]
    Unexpected {
        /// The file or folder.
        path: PathBuf,
        /// The tensor.
        name: String,
    },
    /// A tensor of another shape than the model's.
    #[error(
        "{path}: {name} has the shape {found:?}: by the model's configuration, expected {expected:?}"
    )]
    Misshapen {
        /// The file or folder.
        path: PathBuf,
        /// The parameter.
        name: String,
        /// Its shape in the file.
        found: Vec<usize>,
        /// Its shape in the model.
        expected: Vec<usize>,
    },
    /// A tensor of something else than floating point numbers.
    #[error("{path}: {name} holds {kind}: expected floating point numbers of 16, 32 or 64 bits")]
    Kind {
        /// The file or folder.
        path: PathBuf,
        /// The parameter.
        name: String,
        /// What it holds.
        kind: String,
    },
    /// A number that training or damage has spoilt.
    #[error(
        "{path}: {name} contains {value}, first at index {index}: expected finite 32-bit numbers; get the file again, or use weights from before the training diverged"
    )]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The parameter.
        name: String,
        /// NaN or an infinity, in 32 bits.
        value: f32,
        /// Which of the parameter's numbers that is, from 0.
        index: usize,
    },
    /// A head of its own in a model that should have none.
    #[error(
        "{path}: {head} differs from the token embedding, although tie_word_embeddings is true: if the model's output head is untied, set tie_word_embeddings to false"
    )]
    UntiedHead {
        /// The file or folder.
        path: PathBuf,
        /// The head's name.
        head: String,
    },
    /// A model that no layout has words for.
    #[error(
        "cannot write {path}: {family}, the nearest model type of other programs, does not support this model's {setting}"
    )]
    Layout {
        /// The file.
        path: PathBuf,
        /// The `model_type` of the family.
        family: &'static str,
        /// The setting of the model's configuration.
        setting: &'static str,
    },
    /// A format that has no numbers of this type.
    #[error(
        "cannot write {path}: {format} does not support weights as {weight_type}: expected {expected}"
    )]
    WeightType {
        /// The file.
        path: PathBuf,
        /// The format.
        format: &'static str,
        /// The type asked for.
        weight_type: WeightType,
        /// Those that there are.
        expected: &'static str,
    },
    /// A number that is too large for the type that weights are to be kept as.
    #[error("cannot store {name} as {weight_type}: {error}")]
    Pack {
        /// The file, if there is one, and the parameter.
        name: String,
        /// The type asked for.
        weight_type: WeightType,
        /// What is too large.
        error: TensorError,
    },
    /// A model's own weights could not be read from its device.
    #[error("cannot read {name} from the model's device: {reason}")]
    Device {
        /// The parameter.
        name: String,
        /// What went wrong.
        reason: String,
    },
    /// A model with adapters beside its matrices, where they are not done.
    #[error("{name} has a LoRA adapter: merge the adapter into the weights first")]
    Adapter {
        /// The first such parameter.
        name: String,
    },
    /// A GGUF file could not be read or written.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// The model's own weights could not be read from its device.
    #[error("cannot write {path}: {reason}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// The operating system failed; the message names the file.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
