//! What a user of the crate sees: real files, both tokenizers, every error.
#![allow(clippy::unwrap_used)]

mod chats;
mod corpus;
mod families;
mod hub;
mod masks;
mod published;
mod sources;
mod tokenizer;
