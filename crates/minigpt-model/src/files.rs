//! A model's files in the formats of other programs, in and out.
//!
//! The formats know tensors by name and no model: [`safetensors`], [`pytorch`] (a [`pickle`] in a [`zip`]), [`gguf`].
//! A layout, as [`gpt2`], knows what a `model_type` calls its settings. [`weights`] holds what a file
//! has against what a model needs, by the table of parameters, before any of it is read.

pub(crate) mod error;
pub(crate) mod fields;
mod gguf;
mod gpt2;
mod pickle;
pub(crate) mod pretrained;
mod pytorch;
pub(crate) mod safetensors;
mod stored;
#[cfg(test)]
mod tests;
pub(crate) mod weights;
mod zip;

pub use gguf::GgufValue;
