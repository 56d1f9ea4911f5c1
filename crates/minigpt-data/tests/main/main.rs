//! What a user of the crate sees: real files, both tokenizers, every error.
#![allow(clippy::unwrap_used)]

mod corpus;
mod hub;
mod sources;
mod tokenizer;
