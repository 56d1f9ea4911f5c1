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

    /// How often each id occurs, `[vocab_size]`.
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.counts
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
mod tests {
    use super::Unigrams;
    use crate::TokenSplit;

    fn unigrams(ids: &[u32], vocab_size: usize) -> Unigrams {
        Unigrams::count(&TokenSplit::from_ids(ids.to_vec(), 0, 0, 0), vocab_size)
    }

    #[test]
    fn even_frequencies_are_as_perplexing_as_there_are_ids() {
        let even = unigrams(&[0, 1, 2, 3, 3, 2, 1, 0], 4);
        assert!((even.perplexity_of(&even) - 4.0).abs() < 1e-12);
        assert_eq!((even.used(), even.counts()), (4, [2, 2, 2, 2].as_slice()));
    }

    #[test]
    fn an_id_that_never_occurred_is_improbable_and_not_impossible() {
        let (seen, new) = (unigrams(&[0, 0, 0, 0, 0, 0], 2), unigrams(&[1], 2));
        assert_eq!(seen.used(), 1);
        // (0 + 1) / (6 + 2)
        assert!((seen.perplexity_of(&new) - 8.0).abs() < 1e-12);
    }
}
