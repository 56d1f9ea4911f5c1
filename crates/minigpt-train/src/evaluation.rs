//! Quality of a model on a text, as sums from which every protocol's figure follows.

use std::f64::consts::LN_2;

use minigpt_data::TextCounts;
use serde::{Deserialize, Serialize};

use crate::token_set::TokenSet;

/// The cross-entropy of a whole text, every token predicted once.
///
/// The closing `<|endoftext|>` of each document is a token like the others and is included in
/// `nats` and `tokens`; it belongs to no word and no byte.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Sum of the cross-entropy in nats.
    pub nats: f64,
    /// Number of tokens predicted.
    pub tokens: usize,
    /// Number of words, separated by white space, in the text.
    pub words: u64,
    /// Number of UTF-8 bytes in the text.
    pub bytes: u64,
    /// Number of Unicode scalar values in the text.
    pub characters: u64,
}

impl Evaluation {
    /// The figures of `set` for a sum of `nats`.
    pub fn new(nats: f64, tokens: usize, set: &TokenSet) -> Self {
        let TextCounts { words, bytes, characters } = set.counts();
        Self { nats, tokens, words, bytes, characters }
    }

    /// The figures of `set` for a mean `loss` in nats per token, all predicted.
    pub fn of_loss(loss: f64, set: &TokenSet) -> Self {
        let tokens = set.predicted();
        Self::new(loss * tokens as f64, tokens, set)
    }

    /// Mean cross-entropy in nats per token.
    pub fn loss(&self) -> f64 {
        self.nats / self.tokens as f64
    }

    /// Perplexity per token: depends on the tokenizer.
    pub fn token_perplexity(&self) -> f64 {
        self.loss().exp()
    }

    /// Perplexity per word, comparable between tokenizers.
    pub fn word_perplexity(&self) -> f64 {
        (self.nats / self.words as f64).exp()
    }

    /// Bits needed per byte of text, comparable between tokenizers and languages.
    pub fn bits_per_byte(&self) -> f64 {
        self.nats / LN_2 / self.bytes as f64
    }

    /// Bits needed per character of text, comparable between tokenizers.
    pub fn bits_per_character(&self) -> f64 {
        self.nats / LN_2 / self.characters as f64
    }
}
