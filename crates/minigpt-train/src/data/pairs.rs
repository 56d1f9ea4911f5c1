//! Preferences with what the model that is tuned made of them before its first step.

use std::path::Path;
use std::sync::Arc;

use minigpt_data::{TokenPair, TokenPairs};
use minigpt_files::{Limit, read};
use serde::{Deserialize, Serialize};

use crate::error::TrainError;

/// Preferences, and how much likelier the reference found each chosen answer than the rejected one.
#[derive(Clone, Debug)]
pub struct PreferenceSet {
    pairs: TokenPairs,
    /// In nats, a number for each pair; empty until they are known.
    references: Arc<[f32]>,
}

impl From<TokenPairs> for PreferenceSet {
    fn from(pairs: TokenPairs) -> Self {
        Self { pairs, references: Arc::new([]) }
    }
}

impl PreferenceSet {
    /// The pairs, in the order of the files.
    #[must_use]
    pub fn token_pairs(&self) -> &[TokenPair] {
        self.pairs.pairs()
    }

    /// The pairs as batches have them.
    pub(crate) fn pairs(&self) -> &TokenPairs {
        &self.pairs
    }

    /// The same with the reference's log-probabilities of both answers of each pair.
    pub(crate) fn with_references(&self, references: &[[f64; 2]]) -> Self {
        let advantage = |[chosen, rejected]: &[f64; 2]| (chosen - rejected) as f32;
        Self { pairs: self.pairs.clone(), references: references.iter().map(advantage).collect() }
    }

    /// The pairs of these numbers with the reference's advantages, 0 where they are not known.
    pub(crate) fn take(&self, numbers: &[usize]) -> Vec<ReferredPair> {
        let referred = |number: &usize| ReferredPair {
            pair: self.pairs.pairs()[*number].clone(),
            reference: self.references.get(*number).copied().unwrap_or_default(),
        };
        numbers.iter().map(referred).collect()
    }
}

/// A pair, and in nats how much likelier the reference found its chosen answer.
#[derive(Clone, Debug)]
pub(crate) struct ReferredPair {
    pub(crate) pair: TokenPair,
    pub(crate) reference: f32,
}

/// The reference's log-probabilities of both answers of each pair, in a run's `references.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct References {
    /// Of the pairs that are learnt: chosen and rejected.
    pub(crate) train: Vec<[f64; 2]>,
    /// Of those that are held out.
    pub(crate) valid: Vec<[f64; 2]>,
}

/// A million pairs have some forty megabytes.
const FILE: Limit = Limit::new(1 << 30, "a run's references");

impl References {
    /// Reads the references of a run that has this many training and validation pairs.
    ///
    /// # Errors
    /// [`TrainError::Io`], or [`TrainError::Damaged`] for a file that is none, or is of other pairs.
    pub(crate) fn read(path: &Path, [train, valid]: [usize; 2]) -> Result<Self, TrainError> {
        let damaged = |reason: String| TrainError::Damaged { path: path.to_owned(), reason };
        let found: Self = serde_json::from_slice(&read(path, FILE)?)
            .map_err(|error| damaged(error.to_string()))?;
        let numbers = [found.train.len(), found.valid.len()];
        if numbers != [train, valid] {
            let reason =
                format!("it is of {numbers:?} pairs: expected those of {train} and {valid}");
            return Err(damaged(reason));
        }
        Ok(found)
    }
}
