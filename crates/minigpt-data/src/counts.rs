//! How much text there is behind tokens.

use std::iter::Sum;
use std::ops::{Add, Sub};

use crate::{DataError, Tokenizer};

/// How much text something is, in the units that do not depend on a tokenizer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TextCounts {
    /// Bytes of UTF-8.
    pub bytes: u64,
    /// Words: stretches of anything but Unicode white space.
    pub words: u64,
    /// Unicode scalar values (Rust's `char`).
    pub characters: u64,
}

impl TextCounts {
    /// The counts of a text: its bytes, characters, and words between white space.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self {
            bytes: text.len() as u64,
            words: text.split_whitespace().count() as u64,
            characters: text.chars().count() as u64,
        }
    }
}

impl Add for TextCounts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            bytes: self.bytes + other.bytes,
            words: self.words + other.words,
            characters: self.characters + other.characters,
        }
    }
}

impl Sub for TextCounts {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            bytes: self.bytes - other.bytes,
            words: self.words - other.words,
            characters: self.characters - other.characters,
        }
    }
}

impl Sum for TextCounts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), Add::add)
    }
}

/// What each of the ids of one text is of it: a character belongs to the token that has its last
/// byte, a word to the token of its first character.
pub(crate) fn counts_of_tokens(
    tokenizer: &Tokenizer,
    ids: &[u32],
) -> Result<Vec<TextCounts>, DataError> {
    let mut pending = Vec::new();
    let mut start = tokenizer.start();
    let mut in_word = false;
    let mut counts = Vec::with_capacity(ids.len());
    for &id in ids {
        let bytes = start.of(tokenizer.token_bytes(id)?);
        pending.extend_from_slice(bytes);
        let complete = match std::str::from_utf8(&pending) {
            Ok(text) => text.len(),
            Err(error) => error.valid_up_to(),
        };
        let mut of_token = TextCounts { bytes: bytes.len() as u64, ..TextCounts::default() };
        for character in String::from_utf8_lossy(&pending[..complete]).chars() {
            let starts_word = !in_word && !character.is_whitespace();
            in_word = !character.is_whitespace();
            of_token.characters += 1;
            of_token.words += u64::from(starts_word);
        }
        pending.drain(..complete);
        counts.push(of_token);
    }
    Ok(counts)
}

/// The same tokens where their text stands for another one, `original`: its counts, spread over the
/// tokens in proportion to their own, without loss.
pub(crate) fn stretched(tokens: &[TextCounts], original: TextCounts) -> Vec<TextCounts> {
    let own: TextCounts = tokens.iter().copied().sum();
    // Of the text up to here, so that rounding never adds up.
    let scale = |part: u64, own: u64, original: u64| match own {
        0 => 0,
        _ => (u128::from(part) * u128::from(original) / u128::from(own)) as u64,
    };
    let mut before = TextCounts::default();
    let mut given = TextCounts::default();
    let mut stretch = |token: &TextCounts| {
        before = before + *token;
        let up_to_here = TextCounts {
            bytes: scale(before.bytes, own.bytes, original.bytes),
            words: scale(before.words, own.words, original.words),
            characters: scale(before.characters, own.characters, original.characters),
        };
        let of_token = up_to_here - given;
        given = up_to_here;
        of_token
    };
    tokens.iter().map(&mut stretch).collect()
}

#[cfg(test)]
mod tests;
