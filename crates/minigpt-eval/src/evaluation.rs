//! Quality of a model on a text, as sums from which every protocol's figure follows.

use std::f64::consts::LN_2;

use minigpt_data::TextCounts;
use serde::{Deserialize, Serialize};

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

/// Most characters to a word on average, white space included: no language that puts spaces between
/// words has more than half of it, and what has more is text without them.
const LONGEST_WORDS: u64 = 32;

impl Evaluation {
    /// The figures of a text for a sum of `nats` over its `tokens` predictions.
    #[must_use]
    pub fn new(nats: f64, tokens: usize, counts: TextCounts) -> Self {
        let TextCounts { words, bytes, characters } = counts;
        Self { nats, tokens, words, bytes, characters }
    }

    /// Mean cross-entropy in nats per token.
    #[must_use]
    pub fn loss(&self) -> f64 {
        self.nats / self.tokens as f64
    }

    /// Perplexity per token: depends on the tokenizer.
    #[must_use]
    pub fn token_perplexity(&self) -> f64 {
        self.loss().exp()
    }

    /// Perplexity per word, comparable between tokenizers; none of a text without spaces between its
    /// words, as a Chinese one has.
    #[must_use]
    pub fn word_perplexity(&self) -> Option<f64> {
        let has_words = self.characters <= LONGEST_WORDS.saturating_mul(self.words);
        let perplexity = (self.nats / self.words as f64).exp();
        Some(perplexity).filter(|perplexity| has_words && perplexity.is_finite())
    }

    /// Bits needed per byte of text, comparable between tokenizers and languages.
    #[must_use]
    pub fn bits_per_byte(&self) -> f64 {
        self.nats / LN_2 / self.bytes as f64
    }

    /// Bits needed per character of text, comparable between tokenizers.
    pub(crate) fn bits_per_character(&self) -> f64 {
        self.nats / LN_2 / self.characters as f64
    }
}

#[cfg(test)]
mod tests;
