//! Weights in files of other programs, in and out.

mod gguf;
mod hugging_face;
mod pickle;
pub(crate) mod pretrained;
mod pytorch;
pub(crate) mod safetensors;
#[cfg(test)]
mod tests;
pub(crate) mod weights;
mod zip;

pub use gguf::GgufValue;
