//! An inverted index while it is made: which passages have a term, and how often.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use crate::analyzer::{pieces, term};
use crate::{RetrievalError, varint};

/// Different terms at most: each takes some hundred bytes of memory. Texts in a language have far fewer; tables
/// of drawn names may have more.
const TERMS: usize = 10_000_000;

/// Pieces whose terms are known at most, so that a word is brought to its stem once.
const PIECES: usize = 1_000_000;

/// Passages in their order, and their terms.
#[derive(Default)]
pub(crate) struct Inverted {
    sections: Sections,
    passages: u64,
    /// Each term's place in `postings`, by the pieces that were met.
    pieces: HashMap<String, usize>,
    terms: HashMap<String, usize>,
    postings: Vec<Postings>,
}

/// What an index is on the disk, section after section. Numbers of fixed size have 64 bits, the lowest first.
#[derive(Default)]
pub(crate) struct Sections {
    /// The passages' texts, one after the other.
    pub(crate) text: Vec<u8>,
    /// Four numbers for each passage: where its text ends, its first line, its last, and how many terms it has.
    pub(crate) passages: Vec<u8>,
    /// The terms in the order of their bytes, one after the other.
    pub(crate) terms: Vec<u8>,
    /// Two numbers for each term: where it ends, and where its postings end.
    pub(crate) ends: Vec<u8>,
    /// The terms' postings, one after the other. A posting is two [numbers of as few bytes as they need](varint):
    /// how many passages after the one before it, and how often the passage has the term.
    pub(crate) postings: Vec<u8>,
}

/// A term's postings.
#[derive(Default)]
struct Postings {
    bytes: Vec<u8>,
    /// The passage after the last.
    next: u64,
}

impl Inverted {
    /// Of passages with so many bytes.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        let sections = Sections { text: Vec::with_capacity(bytes), ..Sections::default() };
        Self { sections, ..Self::default() }
    }

    /// Bytes of all passages so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.sections.text.len() as u64
    }

    /// Adds a passage of these lines.
    pub(crate) fn add(
        &mut self,
        lines: &RangeInclusive<usize>,
        text: &str,
    ) -> Result<(), RetrievalError> {
        let terms = pieces(text).map(|piece| self.term(piece));
        let mut terms = terms.collect::<Result<Vec<_>, _>>()?;
        self.sections.text.extend(text.as_bytes());
        let end = self.sections.text.len();
        for number in [end, *lines.start(), *lines.end(), terms.len()] {
            self.sections.passages.extend((number as u64).to_le_bytes());
        }
        terms.sort_unstable();
        for same in terms.chunk_by(|a, b| a == b) {
            self.postings[same[0]].add(self.passages, same.len());
        }
        self.passages += 1;
        Ok(())
    }

    /// The place of a piece's term in `postings`.
    fn term(&mut self, piece: &str) -> Result<usize, RetrievalError> {
        if let Some(known) = self.pieces.get(piece) {
            return Ok(*known);
        }
        let new = self.postings.len();
        let place = *self.terms.entry(term(piece)).or_insert(new);
        if place == new {
            if new == TERMS {
                return Err(RetrievalError::TooMuch { most: "10,000,000 different words" });
            }
            self.postings.push(Postings::default());
        }
        if self.pieces.len() == PIECES {
            self.pieces.clear();
        }
        self.pieces.insert(piece.to_owned(), place);
        Ok(place)
    }

    /// All of it, as it is on the disk.
    pub(crate) fn finish(self) -> Sections {
        let Self { mut sections, terms, mut postings, .. } = self;
        let mut terms: Vec<(String, usize)> = terms.into_iter().collect();
        terms.sort_unstable();
        for (term, place) in terms {
            sections.terms.extend(term.as_bytes());
            sections.postings.append(&mut postings[place].bytes);
            for end in [sections.terms.len(), sections.postings.len()] {
                sections.ends.extend((end as u64).to_le_bytes());
            }
        }
        sections
    }
}

impl Postings {
    fn add(&mut self, passage: u64, count: usize) {
        varint::write(passage - self.next, &mut self.bytes);
        varint::write(count as u64, &mut self.bytes);
        self.next = passage + 1;
    }
}
