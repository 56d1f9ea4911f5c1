//! What can be wrong with a tensor.

use super::TensorType;

/// Why GGUF cannot hold a tensor of that name, shape and type.
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
        "tensor {name} has rows of {row} values; expected a multiple of {}, the block size of {tensor_type}",
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
    #[error("{0} can be read but not written; expected one of F32, F16, BF16, Q8_0, Q4_0, Q4_1")]
    OnlyRead(TensorType),
    /// A value beyond the range of the type, or a NaN or infinite one in a block with a scale.
    #[error("{value} is out of range for {tensor_type}; choose F32")]
    Range {
        /// The value.
        value: f32,
        /// The type.
        tensor_type: TensorType,
    },
}
