#![doc = include_str!("../README.md")]
//!
//! # Main types
//!
//! | for | see |
//! |---|---|
//! | reading a file | [`Gguf`], its [`Metadata`] and each [`Tensor`] |
//! | values and their kinds | [`Value`], [`Array`], [`FromValue`] |
//! | names, shapes and blocks | [`TensorInfo`], [`TensorType`] |
//! | writing a file | [`write()`], [`TensorWriter`] |
//! | what can be wrong | [`GgufError`], [`TensorError`] |

mod cursor;
mod error;
mod file;
mod metadata;
mod tensor;
mod tensor_type;
mod value;
mod write;

pub use error::GgufError;
pub use file::{Gguf, SharedBlocks, Tensor};
pub use metadata::{FromValue, Metadata};
pub use tensor::TensorInfo;
pub use tensor_type::TensorType;
pub use tensor_type::error::TensorError;
pub use value::{Array, Value, decimal};
pub use write::{TensorWriter, write};

/// Tensors begin at multiples of this many bytes where [`ALIGNMENT_KEY`] says nothing else.
pub(crate) const ALIGNMENT: u32 = 32;

/// The metadata that may say what tensors begin at multiples of: a power of two, as a `uint32`.
pub(crate) const ALIGNMENT_KEY: &str = "general.alignment";
