//! What of a text is searched for: stems of words, and characters of scripts without spaces.

use frostem::{Algorithm, Stemmer};

use crate::words::is_unspaced;

/// The analyzer's name in an index; what it does cannot change without another name.
pub(crate) const ANALYZER: &str = "stems_and_pairs_2";

/// Pieces of so many characters are left out: longer runs of letters are data (hashes, base64), not words.
const TOO_LONG: usize = 40;

/// The terms of a text in their order: words without punctuation, in lower case, by their English stems; in
/// scripts without spaces each character, so that a word of one is found, and each pair of neighbours, which
/// tells words apart.
pub(crate) fn terms(text: &str) -> impl Iterator<Item = String> {
    pieces(text).map(term)
}

/// The term that a piece stands for.
pub(crate) fn term(piece: &str) -> String {
    Stemmer::new(Algorithm::English).stem(&piece.to_lowercase()).into_owned()
}

/// The stretches of a text that are terms once they are lower-case stems.
pub(crate) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    runs(text).filter(|run| run.chars().count() < TOO_LONG)
}

/// Words, and characters of scripts without spaces with their pairs.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    // The pair that comes after the character before it.
    let mut pair = None;
    let is_term = |c: char| c.is_alphanumeric() || is_unspaced(c);
    let is_in_word = |c: char| c.is_alphanumeric() && !is_unspaced(c);
    std::iter::from_fn(move || {
        if let Some(pair) = pair.take() {
            return Some(pair);
        }
        let from = &rest[rest.find(is_term)?..];
        let mut characters = from.chars();
        let first = characters.next()?;
        let length = match is_unspaced(first) {
            true => {
                let second = characters.next().filter(|c| is_unspaced(*c));
                pair = second.map(|second| &from[..first.len_utf8() + second.len_utf8()]);
                first.len_utf8()
            }
            false => from.find(|c| !is_in_word(c)).unwrap_or(from.len()),
        };
        let piece;
        (piece, rest) = from.split_at(length);
        Some(piece)
    })
}

#[cfg(test)]
mod tests;
