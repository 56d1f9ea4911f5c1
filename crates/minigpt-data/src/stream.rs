//! Token ids to text while they are generated.

use crate::marks::Start;
use crate::{DataError, Tokenizer};

/// Turns ids into text one by one and never gives out half a character.
///
/// A token can be a part of a character: its bytes wait for the next token. The work per
/// token does not depend on how many came before. What [`TextStream::push`] and
/// [`TextStream::finish`] give, put together, is what [`Tokenizer::decode`] gives for all ids.
#[derive(Debug)]
pub struct TextStream<'a> {
    tokenizer: &'a Tokenizer,
    /// The start of a character, at most three bytes between two calls.
    pending: Vec<u8>,
    start: Start,
}

impl<'a> TextStream<'a> {
    /// A stream at the start of a text, which loses the space that some tokenizers put before texts.
    #[must_use]
    pub fn new(tokenizer: &'a Tokenizer) -> Self {
        Self { tokenizer, pending: Vec::new(), start: tokenizer.start() }
    }

    /// A stream of ids that continue a text: with each space that they have.
    #[must_use]
    pub fn continuing(tokenizer: &'a Tokenizer) -> Self {
        Self { tokenizer, pending: Vec::new(), start: Start { spaces: 0 } }
    }

    /// Takes one more id; gives the text that is complete with it, or `None` if there is none yet.
    ///
    /// Bytes that no later byte can make valid become U+FFFD at once.
    ///
    /// # Errors
    /// [`DataError::UnknownId`] for an id outside the vocabulary; the stream is as before.
    pub fn push(&mut self, id: u32) -> Result<Option<String>, DataError> {
        let bytes = self.start.of(self.tokenizer.token_bytes(id)?);
        self.pending.extend_from_slice(bytes);
        let complete = self.pending.len() - incomplete_tail(&self.pending);
        let text = String::from_utf8_lossy(&self.pending[..complete]).into_owned();
        self.pending.drain(..complete);
        Ok((!text.is_empty()).then_some(text))
    }

    /// What is left when no more ids come: nothing, or U+FFFD for a character that was begun.
    #[must_use]
    pub fn finish(self) -> String {
        String::from_utf8_lossy(&self.pending).into_owned()
    }
}

/// How many bytes at the end are the valid start of a character that is not complete.
fn incomplete_tail(bytes: &[u8]) -> usize {
    let starts_a_character = |tail: &[u8]| match std::str::from_utf8(tail) {
        // No error length: the bytes ended too early, nothing else is wrong.
        Err(error) => error.valid_up_to() == 0 && error.error_len().is_none(),
        Ok(_) => false,
    };
    let mut lengths = 1..=bytes.len().min(3);
    lengths.find(|length| starts_a_character(&bytes[bytes.len() - length..])).unwrap_or(0)
}

#[cfg(test)]
mod tests;
