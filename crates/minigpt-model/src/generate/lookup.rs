//! Lookup decoding: what followed the last tokens where they stood before is guessed to follow again ([Saxena,
//! 2023](https://github.com/apoorvumang/prompt-lookup-decoding)). The guess is read in one pass with the last token; a
//! guessed token counts only where the policy then chooses it itself.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

/// Tokens that must have stood in the text before.
const KNOWN: usize = 3;

/// Tokens that are guessed at most: a pass over eight tokens takes little longer than over one.
const GUESSED: usize = 7;

/// What was read ahead of a text.
#[derive(Clone, Debug, Default)]
pub(super) struct Lookup {
    /// Logits after each token that was guessed, the next first.
    ahead: VecDeque<(u32, Vec<f32>)>,
    /// Logits of the next token, where its guess was right.
    ready: Option<Vec<f32>>,
    guessed: usize,
    came: usize,
}

impl Lookup {
    /// What stood after the last tokens where they were last before.
    pub(super) fn guess(&self, tokens: &[u32]) -> Vec<u32> {
        let Some(start) = tokens.len().checked_sub(KNOWN) else { return Vec::new() };
        let last = &tokens[start..];
        let found = tokens[..tokens.len() - 1].windows(KNOWN).rposition(|known| known == last);
        let next = found.map_or(&[][..], |at| &tokens[at + KNOWN..]);
        next[..next.len().min(GUESSED)].to_vec()
    }

    /// Keeps the logits of a pass over the last token and a guess, and gives those after the last token.
    pub(super) fn put(&mut self, guess: &[u32], mut logits: Vec<Vec<f32>>) -> Vec<f32> {
        let first = logits.remove(0);
        self.guessed += logits.len();
        self.ahead = guess.iter().copied().zip(logits).collect();
        first
    }

    /// Hears which token came.
    pub(super) fn heed(&mut self, token: u32) {
        match self.ahead.pop_front() {
            Some((guess, logits)) if guess == token => {
                self.came += 1;
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

    /// Tokens guessed, and those of them that came.
    pub(super) fn guesses(&self) -> (usize, usize) {
        (self.guessed, self.came)
    }
}
