//! What an index is of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What an index is of, and how it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contents {
    /// What made terms of its passages.
    pub(crate) analyzer: String,
    /// Words of a passage at most.
    pub(crate) words: usize,
    /// By source; their passages come in this order.
    pub(crate) texts: BTreeMap<String, IndexedText>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IndexedText {
    pub(crate) sha256: String,
    pub(crate) passages: usize,
}

impl Contents {
    /// Number of passages of all texts.
    pub(crate) fn passages(&self) -> usize {
        self.texts.values().fold(0, |sum, text| sum.saturating_add(text.passages))
    }
}
