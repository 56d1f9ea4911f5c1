//! What can be wrong with a GGUF file.

use std::path::PathBuf;

use crate::tensor_type::TensorType;
use crate::tensor_type::error::TensorError;

/// A GGUF file that could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum GgufError {
    /// Nothing is there.
    #[error("{path} does not exist: expected a GGUF file; check the name and the folder")]
    Missing {
        /// The path as it was given.
        path: PathBuf,
    },
    /// The file is of another format.
    #[error("{path} is not a GGUF file: it begins with the bytes {found}; expected GGUF")]
    Format {
        /// The file.
        path: PathBuf,
        /// Its first bytes.
        found: String,
    },
    /// The file is of a version or a byte order that is not read.
    #[error(
        "{path} is GGUF of {found}; expected version 2 or 3, little-endian: convert the model again with a newer llama.cpp"
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version or byte order.
        found: String,
    },
    /// The file contradicts the format or itself.
    #[error("{path} is damaged: {reason}; get the file again")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        reason: String,
    },
    /// The file has a tensor in a type that is not read.
    #[error("{path}: tensor {name} has the type {found}; expected one of {}", TensorType::list())]
    Type {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// ggml's name or number of the type.
        found: String,
    },
    /// A tensor of the file, or one to be written, is invalid.
    #[error("{path}: {error}")]
    Tensor {
        /// The file.
        path: PathBuf,
        /// What is wrong with which tensor.
        error: TensorError,
    },
    /// The file lacks metadata.
    #[error("{path}: metadata {key} is missing; expected {expected}")]
    MissingKey {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What it must have.
        expected: &'static str,
    },
    /// Metadata has another kind or range of value than expected.
    #[error("{path}: metadata {key} is {found}; expected {expected}")]
    Kind {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What it has.
        found: String,
        /// What it must have.
        expected: &'static str,
    },
    /// The file lacks a tensor.
    #[error("{path}: tensor {name} is missing; the file has {count} tensors")]
    MissingTensor {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// How many the file has.
        count: usize,
    },
    /// What is to be written is no GGUF file.
    #[error("{path} could not be written: {reason}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What is wrong with what is to be in it.
        reason: String,
    },
    /// The system failed to read or write.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
