//! An index as it was read from its file.

use std::ops::Range;

use crate::contents::Contents;
use crate::varint;

/// An index in memory. Its ranges are within its bytes; what is in them was written by somebody.
pub(crate) struct Stored {
    pub(crate) contents: Contents,
    pub(crate) passages: Vec<StoredPassage>,
    /// In the order of the terms.
    terms: Vec<StoredTerm>,
    bytes: Vec<u8>,
}

pub(crate) struct StoredPassage {
    text: Range<usize>,
    pub(crate) first_line: u64,
    pub(crate) last_line: u64,
    /// How many terms it has.
    pub(crate) length: u64,
}

struct StoredTerm {
    term: Range<usize>,
    postings: Range<usize>,
}

/// Where the sections of an index are in its file, as [`Sections`](crate::inverted::Sections) has them.
pub(crate) struct Places {
    pub(crate) text: Range<usize>,
    pub(crate) passages: Range<usize>,
    pub(crate) terms: Range<usize>,
    pub(crate) ends: Range<usize>,
    pub(crate) postings: Range<usize>,
}

/// A passage that has a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Posting {
    pub(crate) passage: usize,
    /// How often it has the term.
    pub(crate) count: u64,
}

impl Stored {
    /// The sections at these places of a file; an error says which is damaged.
    pub(crate) fn new(contents: Contents, places: Places, bytes: Vec<u8>) -> Result<Self, String> {
        let rows = rows::<4>(&bytes[places.passages]).ok_or("its passages have half a row")?;
        let texts = ranges(rows.iter().map(|[end, ..]| *end), places.text);
        let texts = texts.ok_or("its passages are not where their texts are")?;
        let with_text = |(text, [_, first_line, last_line, length]): (_, [u64; 4])| {
            let are_lines = first_line > 0 && last_line >= first_line;
            are_lines.then_some(StoredPassage { text, first_line, last_line, length })
        };
        let passages: Option<Vec<_>> = texts.into_iter().zip(rows).map(with_text).collect();
        let passages = passages.ok_or("a passage has no lines")?;
        let (counted, found) = (contents.passages(), passages.len());
        if counted != found {
            return Err(format!("{found} passages, and its texts have {counted}"));
        }
        let ends = self::rows::<2>(&bytes[places.ends]).ok_or("its terms have half a row")?;
        let terms = ranges(ends.iter().map(|[end, _]| *end), places.terms);
        let postings = ranges(ends.iter().map(|[_, end]| *end), places.postings);
        let (terms, postings) = terms.zip(postings).ok_or("its terms are not where they end")?;
        let pairs = terms.into_iter().zip(postings);
        let terms = pairs.map(|(term, postings)| StoredTerm { term, postings }).collect();
        Ok(Self { contents, passages, terms, bytes })
    }

    /// A passage's text; `None` where it is no text.
    pub(crate) fn text(&self, passage: &StoredPassage) -> Option<&str> {
        std::str::from_utf8(&self.bytes[passage.text.clone()]).ok()
    }

    /// The passages that have a term, in their order; `None` where they are damaged.
    pub(crate) fn postings(&self, term: &str) -> Option<Vec<Posting>> {
        let find = |stored: &StoredTerm| self.bytes[stored.term.clone()].cmp(term.as_bytes());
        let Ok(found) = self.terms.binary_search_by(find) else { return Some(Vec::new()) };
        let mut bytes = &self.bytes[self.terms[found].postings.clone()];
        let (mut postings, mut next) = (Vec::new(), 0_usize);
        while !bytes.is_empty() {
            let gap = usize::try_from(varint::read(&mut bytes)?).ok()?;
            let passage = next.checked_add(gap).filter(|passage| *passage < self.passages.len())?;
            postings.push(Posting { passage, count: varint::read(&mut bytes)? });
            next = passage + 1;
        }
        Some(postings)
    }
}

/// Rows of `N` numbers.
fn rows<const N: usize>(bytes: &[u8]) -> Option<Vec<[u64; N]>> {
    let (numbers, []) = bytes.as_chunks::<8>() else { return None };
    let (rows, []) = numbers.as_chunks::<N>() else { return None };
    Some(rows.iter().map(|row| row.map(u64::from_le_bytes)).collect())
}

/// The ranges that end there and follow one another, from the first byte of a section to its last.
fn ranges(ends: impl Iterator<Item = u64>, section: Range<usize>) -> Option<Vec<Range<usize>>> {
    let mut start = section.start;
    let mut range = |end| {
        let end = section.start.checked_add(usize::try_from(end).ok()?)?;
        let range = start..end;
        start = end;
        (range.start <= end && end <= section.end).then_some(range)
    };
    let ranges = ends.map(&mut range).collect::<Option<Vec<_>>>()?;
    (start == section.end).then_some(ranges)
}
