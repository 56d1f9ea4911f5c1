//! From words of the command line to what a command works on: configurations, models, texts, tokens.

pub(crate) mod eval_text;
pub(crate) mod frozen;
pub(crate) mod grammar;
pub(crate) mod model;
pub(crate) mod prompts;
pub(crate) mod questions;
pub(crate) mod readers;
pub(crate) mod sampling;
pub(crate) mod served;
pub(crate) mod settings;
pub(crate) mod tokens;
