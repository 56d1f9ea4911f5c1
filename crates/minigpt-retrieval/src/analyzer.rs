//! What of a text is searched for: stems of words, and characters of scripts without spaces.

use std::ops::Range;

use tantivy::tokenizer::{
    Language, LowerCaser, RemoveLongFilter, Stemmer, TextAnalyzer, Token, TokenStream, Tokenizer,
};

use crate::words::is_unspaced;

/// The analyzer's name in an index; what it does cannot change without another name.
pub(crate) const ANALYZER: &str = "stems_and_pairs";

/// Bytes of a term at most; longer ones are left out.
const TERM_BYTES: usize = 40;

/// Words without punctuation, in lower case, by their English stems; in scripts without spaces each
/// character, so that a word of one is found, and each pair of neighbours, which tells words apart.
pub(crate) fn analyzer() -> TextAnalyzer {
    TextAnalyzer::builder(Terms::default())
        .filter(RemoveLongFilter::limit(TERM_BYTES))
        .filter(LowerCaser)
        .filter(Stemmer::new(Language::English))
        .build()
}

#[derive(Clone, Default)]
struct Terms {
    token: Token,
}

struct TermStream<'a> {
    text: &'a str,
    /// Where to go on.
    at: usize,
    /// The pair that comes after the character before it.
    pair: Option<Range<usize>>,
    token: &'a mut Token,
}

impl Tokenizer for Terms {
    type TokenStream<'a> = TermStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> TermStream<'a> {
        self.token.reset();
        TermStream { text, at: 0, pair: None, token: &mut self.token }
    }
}

impl TermStream<'_> {
    fn next_term(&mut self) -> Option<Range<usize>> {
        if let Some(pair) = self.pair.take() {
            return Some(pair);
        }
        let is_term = |c: &char| c.is_alphanumeric() || is_unspaced(*c);
        let (offset, first) = self.text[self.at..].char_indices().find(|(_, c)| is_term(c))?;
        let start = self.at + offset;
        let mut end = start + first.len_utf8();
        let rest = &self.text[end..];
        if is_unspaced(first) {
            let second = rest.chars().next().filter(|c| is_unspaced(*c));
            self.pair = second.map(|c| start..end + c.len_utf8());
        } else {
            let is_outside = |(_, c): &(usize, char)| !c.is_alphanumeric() || is_unspaced(*c);
            end += rest.char_indices().find(is_outside).map_or(rest.len(), |(at, _)| at);
        }
        self.at = end;
        Some(start..end)
    }
}

impl TokenStream for TermStream<'_> {
    fn advance(&mut self) -> bool {
        let Some(range) = self.next_term() else { return false };
        self.token.position = self.token.position.wrapping_add(1);
        (self.token.offset_from, self.token.offset_to) = (range.start, range.end);
        self.token.text.clear();
        self.token.text.push_str(&self.text[range]);
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}

#[cfg(test)]
mod tests;
