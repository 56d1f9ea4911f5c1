#![doc = include_str!("../README.md")]

mod engine;
mod pages;
mod runs;

pub use engine::request::{WriteEvent, WriteRequest, Written};
pub use engine::{Counts, Engine, Limits, ModelCard, Refused, ServedModel};
pub use runs::Runs;
