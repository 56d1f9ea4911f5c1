//! An index as it was read from its file.

use std::cmp::Ordering;
use std::ops::Range;

use crate::contents::Contents;
use crate::varint;

/// An index in memory: the bytes of its file, whose numbers are read where they are needed. Its ranges are within
/// its bytes; what they hold is not trusted.
pub(crate) struct Stored {
    pub(crate) contents: Contents,
    places: Places,
    bytes: Vec<u8>,
}

pub(crate) struct StoredPassage<'a> {
    pub(crate) text: &'a str,
    pub(crate) first_line: u64,
    pub(crate) last_line: u64,
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

/// `N` numbers.
type Row<const N: usize> = [[u8; 8]; N];

impl Stored {
    /// The sections at these places of a file; an error says which is damaged.
    pub(crate) fn new(contents: Contents, places: Places, bytes: Vec<u8>) -> Result<Self, String> {
        let stored = Self { contents, places, bytes };
        let Places { text, passages, terms, ends, postings } = &stored.places;
        if !passages.len().is_multiple_of(size_of::<Row<4>>()) {
            return Err("its passages have half a row".to_owned());
        }
        let (counted, found) = (stored.contents.passages(), stored.passages());
        if counted != found {
            return Err(format!("{found} passages, and its texts have {counted}"));
        }
        let rows = stored.passage_rows();
        if !are_parts(rows.iter().map(|row| row[0]), text) {
            return Err("its passages are not where their texts are".to_owned());
        }
        let has_lines = |[_, first, last, _]: &Row<4>| {
            let (first, last) = (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
            first > 0 && last >= first
        };
        if !rows.iter().all(has_lines) {
            return Err("a passage has no lines".to_owned());
        }
        if !ends.len().is_multiple_of(size_of::<Row<2>>()) {
            return Err("its terms have half a row".to_owned());
        }
        let rows = stored.term_rows();
        let are_there = are_parts(rows.iter().map(|row| row[0]), terms)
            && are_parts(rows.iter().map(|row| row[1]), postings);
        if !are_there {
            return Err("its terms are not where they end".to_owned());
        }
        Ok(stored)
    }

    /// Number of passages.
    pub(crate) fn passages(&self) -> usize {
        self.passage_rows().len()
    }

    /// How many terms each passage has.
    pub(crate) fn lengths(&self) -> impl ExactSizeIterator<Item = u64> {
        self.passage_rows().iter().map(|[.., length]| u64::from_le_bytes(*length))
    }

    /// How many terms a passage has.
    pub(crate) fn length(&self, number: usize) -> u64 {
        let [.., length] = self.passage_rows()[number];
        u64::from_le_bytes(length)
    }

    /// A passage; `None` where its text is no text.
    pub(crate) fn passage(&self, number: usize) -> Option<StoredPassage<'_>> {
        let rows = self.passage_rows();
        let text = &self.bytes[part(rows, number, 0, &self.places.text)];
        let [_, first_line, last_line, _] = rows[number].map(u64::from_le_bytes);
        Some(StoredPassage { text: std::str::from_utf8(text).ok()?, first_line, last_line })
    }

    /// The passages that have a term, in their order; `None` where they are damaged.
    pub(crate) fn postings(&self, term: &str) -> Option<Vec<Posting>> {
        let Some(found) = self.find(term) else { return Some(Vec::new()) };
        let mut bytes = &self.bytes[part(self.term_rows(), found, 1, &self.places.postings)];
        let (mut postings, mut next) = (Vec::new(), 0_usize);
        while !bytes.is_empty() {
            let gap = usize::try_from(varint::read(&mut bytes)?).ok()?;
            let passage = next.checked_add(gap).filter(|passage| *passage < self.passages())?;
            postings.push(Posting { passage, count: varint::read(&mut bytes)? });
            next = passage + 1;
        }
        Some(postings)
    }

    /// The number of a term, which are in the order of their bytes.
    fn find(&self, term: &str) -> Option<usize> {
        let rows = self.term_rows();
        let (mut start, mut end) = (0, rows.len());
        while start < end {
            let middle = start.midpoint(end);
            let found = &self.bytes[part(rows, middle, 0, &self.places.terms)];
            match found.cmp(term.as_bytes()) {
                Ordering::Less => start = middle + 1,
                Ordering::Equal => return Some(middle),
                Ordering::Greater => end = middle,
            }
        }
        None
    }

    /// Where each passage's text ends, its first line, its last, and how many terms it has.
    fn passage_rows(&self) -> &[Row<4>] {
        rows(&self.bytes[self.places.passages.clone()])
    }

    /// Where each term ends, and where its postings end.
    fn term_rows(&self) -> &[Row<2>] {
        rows(&self.bytes[self.places.ends.clone()])
    }
}

/// The whole rows of a section.
fn rows<const N: usize>(section: &[u8]) -> &[Row<N>] {
    section.as_chunks().0.as_chunks().0
}

/// Whether parts that end there and follow one another are a section, from its first byte to its last.
fn are_parts(ends: impl Iterator<Item = [u8; 8]>, section: &Range<usize>) -> bool {
    let mut last = 0;
    let is_sorted = ends.map(u64::from_le_bytes).inspect(|end| last = *end).is_sorted();
    is_sorted && last == section.len() as u64
}

/// Where part `number` of a section is, whose parts end where this column says.
fn part<const N: usize>(
    rows: &[Row<N>],
    number: usize,
    column: usize,
    section: &Range<usize>,
) -> Range<usize> {
    let end = |row: &Row<N>| section.start + u64::from_le_bytes(row[column]) as usize;
    let start = number.checked_sub(1).map_or(section.start, |before| end(&rows[before]));
    start..end(&rows[number])
}
