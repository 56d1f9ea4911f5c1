//! What can be wrong with a model's files.

use std::path::PathBuf;

use crate::model::config::ConfigError;

/// A model folder that could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The configuration is of another kind of model.
    #[error("{path} has the model_type {found}: expected gpt2, which is what minigpt runs")]
    Architecture {
        /// The configuration.
        path: PathBuf,
        /// Its `model_type`.
        found: String,
    },
    /// The configuration is damaged, or asks for what [`Gpt`](crate::Gpt) does not do.
    #[error("{path} is not the configuration of a GPT-2 that minigpt runs: {reason}")]
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
    /// A pickle that has more of Python in it than tensors need.
    #[error(
        "{path} is a pickle that asks Python for {name}: expected tensors alone; nothing was run, use the model's safetensors file or another copy"
    )]
    Code {
        /// The file.
        path: PathBuf,
        /// What it asks for.
        name: String,
    },
    /// A parameter of the model is not among the weights.
    #[error("{path} has no tensor {name}, of shape {expected:?} by its config.json")]
    Missing {
        /// The file or folder.
        path: PathBuf,
        /// The parameter.
        name: String,
        /// Its shape in the model.
        expected: Vec<usize>,
    },
    /// A tensor that the model has no place for.
    #[error("{path} has a tensor {name}, which a GPT-2 with its config.json does not have")]
    Unexpected {
        /// The file or folder.
        path: PathBuf,
        /// The tensor.
        name: String,
    },
    /// A tensor of another shape than the model's.
    #[error("{path}: {name} has the shape {found:?}, by its config.json it should be {expected:?}")]
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
        "{path}: {name} has {value} among its numbers, the first at {index}: expected finite 32-bit numbers; get the file again, or use weights from before the training diverged"
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
    /// A head of its own.
    #[error(
        "{path}: lm_head.weight is not the token embedding wte.weight: expected a model whose head is tied to it; minigpt has no untied head"
    )]
    UntiedHead {
        /// The file or folder.
        path: PathBuf,
    },
    /// A model that the layout of the file has no words for.
    #[error(
        "cannot write {path}: GPT-2's layout has no place for {setting}; export knows no other layout"
    )]
    Layout {
        /// The file.
        path: PathBuf,
        /// The setting of the model's configuration.
        setting: &'static str,
    },
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
