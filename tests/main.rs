//! The workspace's integration tests, one binary because burn links slowly; a module per concern.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

mod bad_input;
#[cfg(feature = "serve")]
mod browser;
mod checkpoints;
mod commands;
mod data;
mod devices;
mod evaluation;
mod exchange;
mod export;
mod families;
mod finetuning;
mod fuzz_corpora;
mod generation;
#[cfg(feature = "gpu")]
mod gpu;
mod interruption;
mod learning;
mod llama;
mod lora;
mod plan;
#[cfg(feature = "serve")]
mod playground;
mod readme;
mod retrieval;
#[cfg(feature = "serve")]
mod serve;
#[cfg(feature = "serve")]
mod served;
mod signals;
mod smollm2;
mod support;
#[cfg(feature = "serve")]
mod watching;
mod weights;
#[cfg(feature = "remote")]
mod workers;
