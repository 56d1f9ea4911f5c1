//! GPT-2's architecture and its relatives: configuration, modules, forward passes, losses.

pub(crate) mod attention;
pub(crate) mod block;
pub(crate) mod cache;
pub(crate) mod config;
pub(crate) mod gpt;
pub(crate) mod loss;
pub(crate) mod parameters;
mod recompute;
pub(crate) mod score;
#[cfg(test)]
mod tests;
