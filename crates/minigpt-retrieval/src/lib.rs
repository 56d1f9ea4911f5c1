#![doc = include_str!("../README.md")]
//!
//! # Main types
//!
//! | for | see |
//! |---|---|
//! | texts | [`Text`], [`find_texts`] |
//! | passages | [`passages()`], [`Passage`], [`PASSAGE_WORDS`] |
//! | an index | [`update()`], [`Index`], [`Found`], [`Changes`] |
//! | measuring it | [`read_questions`], [`evaluate`], [`RetrievalReport`] |
//! | what can be wrong | [`RetrievalError`] |

mod analyzer;
mod bm25;
mod chunk;
mod contents;
mod error;
mod file;
mod index;
mod inverted;
mod questions;
mod stored;
mod texts;
mod update;
mod varint;
mod words;

pub use chunk::{Passage, passages};
pub use error::RetrievalError;
pub use index::{Found, Index};
pub use questions::{Hit, Question, Recall, RetrievalReport, evaluate, read_questions};
pub use texts::{Text, find_texts};
pub use update::{Changes, IndexingProgress, IndexingStage, SkippedText, update};

/// Words of a passage where nothing else is said: those of
/// [Karpukhin et al., 2020](https://arxiv.org/abs/2004.04906), section 4.1.
pub const PASSAGE_WORDS: usize = 100;

#[cfg(test)]
mod tests;
