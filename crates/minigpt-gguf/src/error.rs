//! What can be wrong with a GGUF file or a tensor.

use std::path::PathBuf;

use crate::tensor_type::TensorType;

/// A GGUF file that could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum GgufError {
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

/// A tensor that GGUF cannot hold.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TensorError {
    /// More dimensions than ggml has.
    #[error("tensor {name} has {found} dimensions; expected at most 4")]
    Dimensions {
        /// The tensor.
        name: String,
        /// Its number of dimensions.
        found: u64,
    },
    /// A shape of more bytes than there can be.
    #[error("tensor {name} has the shape {shape:?}, which is more than memory can hold")]
    Size {
        /// The tensor.
        name: String,
        /// Its shape, from the innermost size.
        shape: Vec<u64>,
    },
    /// Rows that are no whole blocks.
    #[error(
        "tensor {name} has rows of {row} values; expected a multiple of {}, the block of {tensor_type}",
        tensor_type.block_values()
    )]
    Row {
        /// The tensor.
        name: String,
        /// The values of a row.
        row: usize,
        /// The type.
        tensor_type: TensorType,
    },
    /// A type that is only read.
    #[error("{0} is only read; expected one of F32, F16, BF16, Q8_0, Q4_0, Q4_1")]
    OnlyRead(TensorType),
    /// A value beyond the range of the type, or a NaN or infinite one in a block with a scale.
    #[error("{value} does not fit {tensor_type}; write the tensor as F32")]
    Range {
        /// The value.
        value: f32,
        /// The type.
        tensor_type: TensorType,
    },
}
