#![doc = include_str!("../README.md")]

mod engine;
mod pages;

pub use engine::request::{WriteEvent, WriteRequest, Written};
pub use engine::{Busy, Engine, Limits, ModelCard, ServedModel};
