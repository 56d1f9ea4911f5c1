//! The workspace's integration tests, one binary because burn links slowly; a module per concern.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

mod about;
mod bad_input;
mod browser;
mod checkpoints;
mod commands;
mod continuing;
mod data;
mod devices;
mod evaluation;
mod events;
mod exchange;
mod export;
mod families;
mod finetuning;
mod fuzz_corpora;
mod generation;
#[cfg(feature = "gpu")]
mod gpu;
#[path = "../crates/minigpt-data/tests/main/hub/server.rs"]
#[allow(dead_code, reason = "the tests of minigpt-data need more of it")]
mod hub_server;
mod interruption;
mod learning;
mod llama;
mod lora;
mod plan;
mod playground;
mod readme;
mod records;
mod report;
mod retrieval;
mod serve;
mod served;
mod signals;
mod smollm2;
mod support;
mod sweep;
mod teaching;
mod tuning_data;
mod watching;
mod weights;
#[cfg(feature = "remote")]
mod workers;
