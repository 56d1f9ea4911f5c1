//! The format against files, blocks and values of PyPI's `gguf`; generators stand beside the fixtures.
#![allow(clippy::unwrap_used)]

mod blocks;
mod read;
mod smollm2;
mod support;
mod write;
