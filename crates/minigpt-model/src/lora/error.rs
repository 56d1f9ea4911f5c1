//! What can be wrong with an adapter.

use std::path::PathBuf;

use crate::files::error::WeightsError;

/// What to do with an adapter that is more than a product of two factors.
pub(super) const MERGE: &str = "merge the adapter in Python with merge_and_unload() and save_pretrained(), and use the merged model";

/// An adapter that cannot be used, or is another model's.
#[derive(Debug, thiserror::Error)]
pub enum AdapterError {
    /// A setting is out of its range.
    #[error("lora.{field} is out of range: expected {expected}")]
    Setting {
        /// The setting.
        field: &'static str,
        /// The range.
        expected: String,
    },
    /// A matrix that the model does not have.
    #[error("lora.targets: unknown matrix `{name}`: expected {known}")]
    Target {
        /// The name given.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// The token vectors of a model whose head is another matrix.
    #[error(
        "lora.targets: cannot adapt the token embedding `wte` of a model with an untied output head: expected matrices of the blocks"
    )]
    UntiedEmbedding,
    /// The configuration is damaged, or asks for what is not done here.
    #[error("{path} is not a supported LoRA configuration: {reason}")]
    Config {
        /// The configuration.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The adapter was trained on another model.
    #[error(
        "{path} is an adapter for another base model: {reason}; use the adapter with the model that it was trained on"
    )]
    OtherBase {
        /// The factors' file.
        path: PathBuf,
        /// How that shows.
        reason: String,
    },
    /// The adapter has token vectors of its own.
    #[error(
        "{path} holds the full tensor {name}, which PEFT saves after the vocabulary was resized: expected LoRA factors only; {MERGE}"
    )]
    WholeEmbedding {
        /// The factors' file.
        path: PathBuf,
        /// The tensor.
        name: String,
    },
    /// Lengths of columns, or vectors of tokens trained whole, of a model whose weights are packed.
    #[error(
        "{path} has {what}: a model with weights in their stored type takes LoRA factors only; {MERGE}"
    )]
    PackedChange {
        /// The adapter's folder.
        path: PathBuf,
        /// What it has.
        what: &'static str,
    },
    /// Factors beside the vectors of the tokens, of a model whose weights are packed.
    #[error(
        "{path} adapts {layer}, the token embedding: a model with weights in their stored type takes adapters of block matrices only; {MERGE}"
    )]
    PackedEmbedding {
        /// The adapter's folder.
        path: PathBuf,
        /// The layer.
        layer: String,
    },
    /// The factors are in a pickle.
    #[error(
        "{path} is a pickle: expected adapter_model.safetensors; in Python, load it with PeftModel.from_pretrained() and write it with save_pretrained()"
    )]
    Pickled {
        /// The pickle.
        path: PathBuf,
    },
    /// The factors cannot be read or written.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The operating system failed; the message names the file.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
