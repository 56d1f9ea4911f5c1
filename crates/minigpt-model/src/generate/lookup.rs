//! Prompt lookup decoding: what followed the last tokens where they stood before is the draft of what follows now
//! ([Saxena, 2023](https://github.com/apoorvumang/prompt-lookup-decoding)). The draft is read in one pass with the last
//! token; a token of it is accepted only where the policy then chooses it itself.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

/// Tokens that must have stood in the text before.
const NGRAM: usize = 3;

/// Tokens of a draft at most: a pass over eight tokens takes little longer than over one.
const MAX_DRAFT: usize = 7;

/// How many tokens were drafted, and how many of these came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DraftCounts {
    /// Read ahead.
    pub drafted: usize,
    /// Of those, chosen by the policy.
    pub accepted: usize,
}

impl DraftCounts {
    /// What was counted since `before`, an earlier reading of the same counts.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self { drafted: self.drafted - before.drafted, accepted: self.accepted - before.accepted }
    }
}

/// What was read ahead of a text.
#[derive(Clone, Debug, Default)]
pub(super) struct Lookup {
    /// Each token of the draft with the logits after it, the next first.
    ahead: VecDeque<(u32, Vec<f32>)>,
    /// Logits of the next token, where the draft had the last one.
    ready: Option<Vec<f32>>,
    counts: DraftCounts,
}

impl Lookup {
    /// What stood after the last tokens where they were last before.
    pub(super) fn draft(&self, tokens: &[u32]) -> Vec<u32> {
        let Some(start) = tokens.len().checked_sub(NGRAM) else { return Vec::new() };
        let last = &tokens[start..];
        let found = tokens[..tokens.len() - 1].windows(NGRAM).rposition(|ngram| ngram == last);
        let next = found.map_or(&[][..], |at| &tokens[at + NGRAM..]);
        next[..next.len().min(MAX_DRAFT)].to_vec()
    }

    /// Keeps the logits of a pass over the last token and a draft, and gives those after the last token.
    pub(super) fn keep(&mut self, draft: &[u32], mut logits: Vec<Vec<f32>>) -> Vec<f32> {
        let first = logits.remove(0);
        self.counts.drafted += logits.len();
        self.ahead = draft.iter().copied().zip(logits).collect();
        first
    }

    /// Hears which token came.
    pub(super) fn observe(&mut self, token: u32) {
        match self.ahead.pop_front() {
            Some((draft, logits)) if draft == token => {
                self.counts.accepted += 1;
                self.ready = Some(logits);
            }
            _ => self.forget(),
        }
    }

    /// The logits of the next token, where they were read ahead.
    pub(super) fn take(&mut self) -> Option<Vec<f32>> {
        self.ready.take()
    }

    /// The text is another one.
    pub(super) fn forget(&mut self) {
        self.ahead.clear();
        self.ready = None;
    }

    pub(super) fn counts(&self) -> DraftCounts {
        self.counts
    }
}
