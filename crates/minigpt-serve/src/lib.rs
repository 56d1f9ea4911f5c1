#![doc = include_str!("../README.md")]

mod engine;
mod pages;
mod runs;

pub use engine::request::{WriteEvent, WriteRequest, Written};
pub use engine::{Busy, Engine, Limits, ModelCard, ServedModel};
pub use runs::Runs;
