//! What a model learns from or is measured on: a text in windows, examples in rows, or preferences in pairs of rows.

use std::ops::Range;
use std::sync::Arc;

use burn::data::dataloader::DataLoader;
use burn::tensor::Device;
use minigpt_data::{DataError, Passes, TextCounts, TokenPair, TokenRow, TokenRows, TokenSplit};
use minigpt_eval::Evaluation;
use minigpt_files::Checksum;

use crate::data::batches::{
    TokenBatch, train_loader, train_pair_loader, train_row_loader, valid_loader, valid_pair_loader,
    valid_row_loader,
};
use crate::data::pairs::PreferenceSet;

/// What a model learns from or is measured on.
#[derive(Clone, Debug)]
pub enum TokenSet {
    /// A text, seen in windows.
    Text(TokenSplit),
    /// Examples, a row each.
    Examples(TokenRows),
    /// Preferences, two rows each.
    Preferences(PreferenceSet),
}

impl From<TokenSplit> for TokenSet {
    fn from(text: TokenSplit) -> Self {
        Self::Text(text)
    }
}

impl From<TokenRows> for TokenSet {
    fn from(examples: TokenRows) -> Self {
        Self::Examples(examples)
    }
}

impl From<PreferenceSet> for TokenSet {
    fn from(preferences: PreferenceSet) -> Self {
        Self::Preferences(preferences)
    }
}

/// Tokens hashed at a time, so that a text larger than memory can be.
const FINGERPRINT_CHUNK: usize = 1 << 20;

/// What stands for a target that is not asked for in a fingerprint: no tokenizer has as many ids.
const NOT_ASKED: u32 = u32::MAX;

impl TokenSet {
    /// Number of tokens.
    pub(crate) fn tokens(&self) -> usize {
        match self {
            Self::Text(split) => split.len(),
            Self::Examples(rows) => rows.tokens(),
            Self::Preferences(set) => set.pairs().tokens(),
        }
    }

    /// Number of examples, of which a row may have several; a text is one.
    pub(crate) fn examples(&self) -> usize {
        match self {
            Self::Examples(rows) => rows.examples(),
            Self::Text(_) | Self::Preferences(_) => self.rows(),
        }
    }

    /// Number of rows of tokens; a text is one.
    pub(crate) fn rows(&self) -> usize {
        match self {
            Self::Text(_) => 1,
            Self::Examples(rows) => rows.len(),
            Self::Preferences(set) => set.pairs().len(),
        }
    }

    /// Number of tokens, labels or preferences that are predicted in an evaluation.
    pub(crate) fn predicted(&self) -> usize {
        match self {
            Self::Text(split) => split.len() - 1,
            Self::Examples(rows) => rows.predicted(),
            Self::Preferences(set) => set.pairs().len(),
        }
    }

    /// How much text that is.
    pub(crate) fn counts(&self) -> TextCounts {
        match self {
            Self::Text(TokenSplit { bytes, words, characters, .. }) => {
                TextCounts { bytes: *bytes, words: *words, characters: *characters }
            }
            Self::Examples(rows) => rows.counts(),
            Self::Preferences(set) => set.pairs().counts(),
        }
    }

    /// The evaluation of all of it, for a sum of `nats` over its `tokens` predictions.
    pub(crate) fn evaluation(&self, nats: f64, tokens: usize) -> Evaluation {
        Evaluation::new(nats, tokens, self.counts())
    }

    /// The same for a mean `loss` in nats per token, all predicted.
    pub(crate) fn evaluation_of_loss(&self, loss: f64) -> Evaluation {
        let tokens = self.predicted();
        self.evaluation(loss * tokens as f64, tokens)
    }

    /// Tokens in a window, or in an example on average.
    pub(crate) fn tokens_per_row(&self, block_size: usize) -> f64 {
        match self {
            Self::Text(_) => block_size as f64,
            Self::Examples(_) | Self::Preferences(_) => self.tokens() as f64 / self.rows() as f64,
        }
    }

    /// Tokens in a window, or in the longest row; of a pair, in both of its rows.
    pub(crate) fn longest_row(&self, block_size: usize) -> usize {
        match self {
            Self::Text(_) => block_size,
            Self::Examples(rows) => {
                rows.rows().iter().map(|row| row.inputs.len()).max().unwrap_or(block_size)
            }
            Self::Preferences(set) => {
                let longer = |pair: &TokenPair| {
                    pair.rows().map(|row| row.inputs.len()).into_iter().max().unwrap_or_default()
                };
                2 * set.pairs().pairs().iter().map(longer).max().unwrap_or(block_size)
            }
        }
    }

    /// Steps of a training pass.
    pub(crate) fn steps_per_pass(
        &self,
        block_size: usize,
        batch_size: usize,
    ) -> Result<usize, DataError> {
        Ok(match self {
            Self::Text(split) => {
                // The number of windows in a pass does not depend on the seed.
                let passes = Passes::new(split.windows(block_size)?, 0);
                passes.windows_per_pass().div_ceil(batch_size)
            }
            Self::Examples(rows) => rows.training_batches(batch_size),
            Self::Preferences(set) => set.pairs().training_batches(batch_size),
        })
    }

    /// Batches of an evaluation.
    pub(crate) fn batches(&self, block_size: usize, batch_size: usize) -> Result<usize, DataError> {
        Ok(match self {
            Self::Text(split) => split.windows(block_size)?.len().div_ceil(batch_size),
            Self::Examples(rows) => rows.batches(batch_size),
            Self::Preferences(set) => set.pairs().batches(batch_size),
        })
    }

    /// The batches of the given steps of a run, counted from 0.
    pub(crate) fn train_loader(
        &self,
        block_size: usize,
        batch_size: usize,
        seed: u64,
        steps: Range<usize>,
        device: &Device,
    ) -> Result<Arc<dyn DataLoader<TokenBatch>>, DataError> {
        Ok(match self {
            Self::Text(split) => {
                let passes = Passes::new(split.windows(block_size)?, seed);
                train_loader(passes, batch_size, steps, device)
            }
            Self::Examples(rows) => train_row_loader(rows.clone(), batch_size, seed, steps, device),
            Self::Preferences(set) => {
                train_pair_loader(set.clone(), batch_size, seed, steps, device)
            }
        })
    }

    /// All batches of an evaluation in order.
    pub(crate) fn valid_loader(
        &self,
        block_size: usize,
        batch_size: usize,
        device: &Device,
    ) -> Result<Arc<dyn DataLoader<TokenBatch>>, DataError> {
        Ok(match self {
            Self::Text(split) => valid_loader(split.windows(block_size)?, batch_size, device),
            Self::Examples(rows) => valid_row_loader(rows.clone(), batch_size, device),
            Self::Preferences(set) => valid_pair_loader(set.clone(), batch_size, device),
        })
    }

    /// SHA-256 of the tokens in hexadecimal, with which of them are predicted.
    pub(crate) fn fingerprint(&self) -> String {
        let mut checksum = Checksum::default();
        let mut update = |id: u32| checksum.update(id.to_le_bytes());
        let update_row = |row: &TokenRow, update: &mut dyn FnMut(u32)| {
            update(row.inputs.len() as u32);
            row.inputs.iter().for_each(|id| update(*id));
            row.targets.iter().for_each(|id| update(id.unwrap_or(NOT_ASKED)));
            row.segments.iter().for_each(|length| update(*length as u32));
        };
        match self {
            Self::Text(split) => {
                let all = split.len();
                for start in (0..all).step_by(FINGERPRINT_CHUNK) {
                    split
                        .ids(start..all.min(start + FINGERPRINT_CHUNK))
                        .into_iter()
                        .for_each(&mut update);
                }
            }
            Self::Examples(rows) => {
                rows.rows().iter().for_each(|row| update_row(row, &mut update));
            }
            Self::Preferences(set) => {
                let rows = set.pairs().pairs().iter().flat_map(TokenPair::rows);
                rows.for_each(|row| update_row(row, &mut update));
            }
        }
        checksum.finish()
    }
}
