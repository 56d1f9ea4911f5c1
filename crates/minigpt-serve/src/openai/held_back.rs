//! The tokens of a text that are told beside it, each with its first character and none before.

use std::collections::VecDeque;

use minigpt_data::Tokenizer;
use minigpt_text::TextToken;

use super::probabilities::Chosen;

/// The tokens of one text, of which some wait until their text is certain: it may yet become part of a stop string, which
/// nobody is told.
#[derive(Debug, Default)]
pub(super) struct HeldBack {
    characters: Characters,
    waiting: VecDeque<Chosen>,
    /// Characters of the text that were told.
    told: usize,
}

impl HeldBack {
    /// The model chose a token, and so much text is certain with it: the tokens that are told with that.
    pub(super) fn push(
        &mut self,
        tokenizer: &Tokenizer,
        TextToken { id, text, log_probability }: &TextToken,
        top: Vec<(u32, f64)>,
    ) -> Vec<Chosen> {
        let offset = self.characters.push(tokenizer, *id);
        let (id, log_probability) = (*id, *log_probability);
        self.waiting.push_back(Chosen { id, log_probability, top, offset });
        self.told += text.chars().count();
        let are_told = self.waiting.iter().take_while(|chosen| chosen.offset < self.told).count();
        self.waiting.drain(..are_told).collect()
    }

    /// The tokens that are left of a text that was told whole.
    pub(super) fn finish(&mut self) -> Vec<Chosen> {
        self.waiting.drain(..).collect()
    }
}

/// Counts the characters of a text that comes in tokens.
#[derive(Debug, Default)]
pub(super) struct Characters {
    has_begun: bool,
    complete: usize,
    /// The start of the next one.
    begun: Vec<u8>,
}

impl Characters {
    /// Takes one more token; returns how many characters were complete before it, which is where it begins.
    pub(super) fn push(&mut self, tokenizer: &Tokenizer, id: u32) -> usize {
        // A model may know more ids than its tokenizer has texts for.
        let bytes = tokenizer.token_bytes(id).unwrap_or_default();
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        // The space that some tokenizers put before texts is none of the text's.
        let has_space = is_first && bytes.first() == Some(&b' ');
        let is_dropped =
            has_space && tokenizer.decode(&[id]).is_ok_and(|text| text.len() < bytes.len());
        self.push_bytes(&bytes[usize::from(is_dropped)..])
    }

    fn push_bytes(&mut self, bytes: &[u8]) -> usize {
        let before = self.complete;
        self.begun.extend_from_slice(bytes);
        while let Err(error) = std::str::from_utf8(&self.begun) {
            let Some(wrong) = error.error_len() else {
                let complete: Vec<u8> = self.begun.drain(..error.valid_up_to()).collect();
                self.complete += String::from_utf8_lossy(&complete).chars().count();
                return before;
            };
            // Bytes that are no character are shown as one.
            let broken: Vec<u8> = self.begun.drain(..error.valid_up_to() + wrong).collect();
            self.complete += String::from_utf8_lossy(&broken).chars().count();
        }
        self.complete += String::from_utf8_lossy(&self.begun).chars().count();
        self.begun.clear();
        before
    }
}

#[cfg(test)]
mod tests;
