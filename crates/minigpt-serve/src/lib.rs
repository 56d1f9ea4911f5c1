#![doc = include_str!("../README.md")]
//!
//! # Main types
//!
//! | for | see |
//! |---|---|
//! | the thread that owns the models | [`Engine`], [`ServedModel`], [`ModelCard`], [`Limits`] |
//! | asking it without HTTP | [`WriteRequest`], [`WriteEvent`], [`Written`] |
//! | the server | [`serve`], [`App`], [`Settings`] |
//! | what can be wrong | [`Refused`], [`Failure`] |

mod app;
mod counters;
mod engine;
mod error;
mod extract;
mod http;
mod openai;
mod pages;
mod playground;
mod runs;
#[cfg(test)]
mod testing;

pub use app::{App, Settings};
pub use engine::request::{Failure, WriteEvent, WriteRequest, Written};
pub use engine::{Counts, Engine, Limits, ModelCard, Refused, ServedModel};
pub use http::serve;
