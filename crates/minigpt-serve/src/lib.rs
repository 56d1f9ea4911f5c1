#![doc = include_str!("../README.md")]

mod engine;
mod runs;

pub use engine::request::{WriteEvent, WriteRequest, Written};
pub use engine::{Busy, Engine, Limits, ModelCard, ServedModel};
pub use runs::Runs;
