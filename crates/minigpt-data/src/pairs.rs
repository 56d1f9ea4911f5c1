//! Preferences as tokens: two rows each, of which one is preferred.

use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;

use crate::rows::Batches;
use crate::{ChatTemplate, DataError, Preference, RowOptions, TextCounts, TokenRow, Tokenizer};

/// Two rows that begin alike, of which one is preferred.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenPair {
    /// The row that is preferred; its targets are those of the answer.
    pub chosen: TokenRow,
    /// The other.
    pub rejected: TokenRow,
}

impl TokenPair {
    /// Both rows, the chosen one first.
    #[must_use]
    pub fn rows(&self) -> [&TokenRow; 2] {
        [&self.chosen, &self.rejected]
    }
}

/// The pairs of some preferences; cheap to clone. Batches are made as those of [`TokenRows`](crate::TokenRows).
#[derive(Clone, Debug)]
pub struct TokenPairs {
    pairs: Arc<[TokenPair]>,
    batches: Batches,
    counts: TextCounts,
    left_out: usize,
}

impl TokenPairs {
    /// Preferences of the source `path`, which `template` made. The answers that differ are predicted, with the end of text
    /// that follows each.
    ///
    /// # Errors
    /// [`DataError::BadExample`] for one that is too long, [`DataError::NoExamples`] where none is left,
    /// and as [`Tokenizer::encode`].
    pub fn of_preferences(
        tokenizer: &Tokenizer,
        template: &ChatTemplate,
        preferences: &[Preference],
        path: &Path,
        options: &RowOptions,
    ) -> Result<Self, DataError> {
        let pair = |preference: &Preference| {
            let row = |answered: &crate::Answered| {
                let ids = template.turn_ids(tokenizer, &answered.turns)?;
                Ok::<_, DataError>(TokenRow::of_turns(ids, answered.answers))
            };
            Ok::<_, DataError>(TokenPair {
                chosen: row(&preference.chosen)?,
                rejected: row(&preference.rejected)?,
            })
        };
        let all: Vec<TokenPair> = preferences.par_iter().map(pair).collect::<Result<_, _>>()?;
        let (mut pairs, mut counts, mut left_out) = (Vec::new(), TextCounts::default(), 0);
        for (preference, pair) in preferences.iter().zip(all) {
            if options.fits(&pair.rows(), &preference.place)? {
                counts = counts + TextCounts::of(&preference.chosen.answer());
                pairs.push(pair);
            } else {
                left_out += 1;
            }
        }
        if pairs.is_empty() {
            return Err(DataError::NoExamples { path: path.to_owned() });
        }
        let batches = batches(&pairs, &[(pairs.len(), 1.0)]);
        Ok(Self { pairs: pairs.into(), batches, counts, left_out })
    }

    /// The pairs of several sources, as [`TokenRows::joined`](crate::TokenRows::joined).
    ///
    /// # Panics
    /// If there are none.
    #[must_use]
    pub fn joined(sources: Vec<(Self, f64)>) -> Self {
        let weights: Vec<(usize, f64)> =
            sources.iter().map(|(pairs, weight)| (pairs.len(), *weight)).collect();
        let counts = sources.iter().map(|(pairs, _)| pairs.counts).sum();
        let left_out = sources.iter().map(|(pairs, _)| pairs.left_out).sum();
        let pairs: Vec<TokenPair> =
            sources.iter().flat_map(|(source, _)| source.pairs.iter().cloned()).collect();
        let batches = batches(&pairs, &weights);
        Self { pairs: pairs.into(), batches, counts, left_out }
    }

    /// Number of pairs, at least 1.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there is always a pair")]
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// The pairs, in the order of the files.
    #[must_use]
    pub fn pairs(&self) -> &[TokenPair] {
        &self.pairs
    }

    /// Number of input tokens in the rows of all pairs, chosen and rejected.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.pairs.iter().flat_map(TokenPair::rows).map(|row| row.inputs.len()).sum()
    }

    /// How much text the preferred answers are.
    #[must_use]
    pub fn counts(&self) -> TextCounts {
        self.counts
    }

    /// Preferences of which an answer was longer than the context, and which were left out.
    #[must_use]
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// Number of batches of at most `batch_size` pairs in an evaluation, which takes each pair once.
    #[must_use]
    pub fn batches(&self, batch_size: usize) -> usize {
        self.batches.in_order(batch_size)
    }

    /// Number of batches in a training pass.
    #[must_use]
    pub fn training_batches(&self, batch_size: usize) -> usize {
        self.batches.in_a_pass(batch_size)
    }

    /// The numbers of the pairs in the batch of this number in an evaluation: shorter ones first.
    ///
    /// # Panics
    /// If `number` is not below [`batches`](Self::batches).
    #[must_use]
    pub fn batch(&self, number: usize, batch_size: usize) -> Vec<usize> {
        self.batches.batch(number, batch_size).to_vec()
    }

    /// The numbers of the pairs in the batch of this number in a training run, as
    /// [`TokenRows::training_batch`](crate::TokenRows::training_batch).
    #[must_use]
    pub fn training_batch(&self, number: u64, batch_size: usize, seed: u64) -> Vec<usize> {
        self.batches.training_batch(number, batch_size, seed)
    }
}

/// By the longer row of each pair.
fn batches(pairs: &[TokenPair], weights: &[(usize, f64)]) -> Batches {
    let length = |pair: &TokenPair| pair.chosen.inputs.len().max(pair.rejected.inputs.len());
    Batches::new(pairs.iter().map(length), weights)
}
