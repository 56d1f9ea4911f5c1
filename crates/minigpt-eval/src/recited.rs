//! Passages that a model would write word for word: it may have learnt them.

use serde::{Deserialize, Serialize};

/// What of a text its model recites: passages of 16 tokens or more, each of whose tokens is the most probable one after
/// the text before it. Greedy decoding from there writes them word for word, which is how text that was learnt by heart
/// is found (Carlini et al., 2023, "Quantifying Memorization Across Neural Language Models",
/// <https://arxiv.org/abs/2202.07646>).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recited {
    /// Passages.
    pub passages: usize,
    /// Tokens in them.
    pub tokens: usize,
    /// Tokens of the longest row of most probable tokens, also where it is no passage.
    pub longest: usize,
}

impl Recited {
    /// Tokens in a row that make a passage. A set phrase is shorter.
    pub const LEAST: usize = 16;

    /// Of a text of whose tokens, in order, `is_greedy` says which are the most probable ones.
    #[must_use]
    pub(crate) fn of(is_greedy: &[bool]) -> Self {
        let rows = is_greedy.split(|is_greedy| !is_greedy).map(<[bool]>::len);
        rows.fold(Self::default(), |found, row| {
            let is_passage = row >= Self::LEAST;
            Self {
                passages: found.passages + usize::from(is_passage),
                tokens: found.tokens + if is_passage { row } else { 0 },
                longest: found.longest.max(row),
            }
        })
    }
}

#[cfg(test)]
mod tests;
