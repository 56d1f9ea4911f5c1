//! What a split says about itself before any model has seen it.

use crate::TokenSplit;

/// Tokens copied at a time.
const CHUNK: usize = 1 << 20;

/// How often each id occurs in a split, the first token included.
///
/// The unigram model that these counts give is the floor of language modelling: a model whose
/// perplexity is no lower has learnt frequencies and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unigrams {
    counts: Vec<u64>,
    total: u64,
}

impl Unigrams {
    /// Counts the ids of a split, in bounded memory.
    ///
    /// # Panics
    /// If the split holds an id that is not below `vocab_size`.
    #[must_use]
    pub fn count(split: &TokenSplit, vocab_size: usize) -> Self {
        let mut counts = vec![0; vocab_size];
        for start in (0..split.len()).step_by(CHUNK) {
            for id in split.ids(start..split.len().min(start + CHUNK)) {
                counts[id as usize] += 1;
            }
        }
        Self { counts, total: split.len() as u64 }
    }

    /// Number of ids that occur at all.
    #[must_use]
    pub fn used(&self) -> usize {
        self.counts.iter().filter(|count| **count > 0).count()
    }

    /// Perplexity of `other` under the frequencies counted here, with one added to each count so
    /// that no id is impossible (Laplace); of `self`, the best that a model without context reaches.
    ///
    /// # Panics
    /// If the vocabularies differ in size.
    #[must_use]
    pub fn perplexity_of(&self, other: &Self) -> f64 {
        assert_eq!(self.counts.len(), other.counts.len(), "two vocabularies");
        let all = (self.total + self.counts.len() as u64) as f64;
        let pairs = self.counts.iter().zip(&other.counts).filter(|(_, seen)| **seen > 0);
        let nats: f64 =
            pairs.map(|(count, seen)| -((*count + 1) as f64 / all).ln() * *seen as f64).sum();
        (nats / other.total as f64).exp()
    }
}

#[cfg(test)]
mod tests;
