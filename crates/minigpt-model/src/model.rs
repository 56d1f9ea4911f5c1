//! GPT-2's architecture and its relatives': configuration, modules, forward passes, losses.
//!
//! Each file is one module with its formula: [`gpt`] the whole, [`block`], [`attention`], [`rotary`],
//! [`mlp`], [`norm`], [`linear`]. What they are made of is the one table in [`parameters`], their first
//! values are in [`init`], and what training saves for the backward pass in [`activations`].

pub(crate) mod activation;
mod activations;
pub(crate) mod assembly;
pub(crate) mod attention;
pub(crate) mod block;
pub(crate) mod cache;
pub(crate) mod config;
pub(crate) mod context;
pub(crate) mod gpt;
mod init;
pub(crate) mod layer;
pub(crate) mod linear;
pub(crate) mod mlp;
pub(crate) mod norm;
pub(crate) mod parameters;
mod recompute;
pub(crate) mod rotary;
pub(crate) mod score;
pub(crate) mod segments;
#[cfg(test)]
mod tests;
pub(crate) mod trace;
