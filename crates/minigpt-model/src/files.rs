//! A model's files in the formats of other programs, in and out.
//!
//! The formats know tensors by name and no model: [`safetensors`], [`pytorch`] (a [`pickle`] in a [`zip`]), and
//! `minigpt-gguf`. What a model's shape is called there: [`hugging_face`] ([`gpt2`], [`llama`]), [`gguf`], [`nano_gpt`].
//! What its parameters are called and how they are stored is data: a [`layout`], which follows from the [`family`].
//! [`weights`] holds what a file has against what a model needs, by the table of parameters, before any of it is
//! read. [`pretrained`] is what a caller calls.

pub(crate) mod error;
pub(crate) mod family;
pub(crate) mod fields;
mod gguf;
mod gpt2;
mod hugging_face;
pub(crate) mod layout;
mod llama;
mod nano_gpt;
mod pickle;
pub(crate) mod pretrained;
mod pytorch;
pub(crate) mod safetensors;
pub(crate) mod special_ids;
mod stored;
#[cfg(test)]
mod tests;
pub(crate) mod weights;
mod zip;
