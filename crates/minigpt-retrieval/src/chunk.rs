//! A text cut into passages, each with its lines.

use std::ops::{Range, RangeInclusive};

use serde::Serialize;

use crate::words::words;

/// Words that a passage may be asked to have.
pub(crate) const WORDS: RangeInclusive<usize> = 8..=10_000;

/// Separates the documents of a text file.
const END_OF_TEXT: &str = "<|endoftext|>";

/// What ends a sentence.
const SENTENCE_ENDS: [char; 8] = ['.', '!', '?', ';', '。', '！', '？', '；'];

/// What may stand behind the end of a sentence.
const CLOSING: [char; 10] = ['"', '\'', '”', '’', ')', '_', '*', '」', '』', '）'];

/// A stretch of a text, with where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Passage {
    /// The file, as it was named when it was indexed.
    pub source: String,
    /// Its first line in the file, counted from 1.
    pub first_line: usize,
    /// Its last line.
    pub last_line: usize,
    /// The text of those lines, literally; of a line that is a passage's alone, perhaps a part.
    pub text: String,
}

/// Cuts a text into passages of at most `words` words.
///
/// A passage is whole lines as long as they fit, and ends at the first empty line after half its
/// words. A line with more words than a passage may have is cut where a sentence ends, or else between
/// words. Every word is in one passage, except that a line `<|endoftext|>` ends a passage and is in none.
/// In scripts without spaces between words, such as Chinese, Japanese or Thai, each character is a word.
///
/// ```
/// use minigpt_retrieval::passages;
///
/// let found = passages("notes.txt", "one two\nthree\n\nfour five six seven", 8);
/// assert_eq!(found.len(), 1);
/// let found = passages("notes.txt", "one two three\nfour\n\nfive six seven eight nine", 8);
/// assert_eq!(found[0].text, "one two three\nfour");
/// assert_eq!((found[1].first_line, found[1].last_line), (4, 4));
/// ```
#[must_use]
pub fn passages(source: &str, text: &str, words: usize) -> Vec<Passage> {
    let passage = |Stretch { lines, bytes }: Stretch| Passage {
        source: source.to_owned(),
        first_line: *lines.start(),
        last_line: *lines.end(),
        text: text[bytes].to_owned(),
    };
    stretches(text, words).into_iter().map(passage).collect()
}

/// Where the passages of a text are.
pub(crate) fn stretches(text: &str, words: usize) -> Vec<Stretch> {
    let mut cutter = Cutter { text, most: words.max(1), open: None, stretches: Vec::new() };
    let mut start = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let range = start..start + line.len();
        start = range.end;
        match line.trim() {
            "" => cutter.empty_line(),
            END_OF_TEXT => cutter.close(),
            _ => cutter.line(index + 1, range),
        }
    }
    cutter.close();
    cutter.stretches
}

/// A passage's place in its text.
pub(crate) struct Stretch {
    /// Counted from 1.
    pub(crate) lines: RangeInclusive<usize>,
    pub(crate) bytes: Range<usize>,
}

/// The passage that grows.
struct Open {
    lines: RangeInclusive<usize>,
    bytes: Range<usize>,
    words: usize,
}

struct Cutter<'a> {
    text: &'a str,
    /// Words that a passage has at most.
    most: usize,
    open: Option<Open>,
    stretches: Vec<Stretch>,
}

impl Cutter<'_> {
    fn empty_line(&mut self) {
        if self.open.as_ref().is_some_and(|open| 2 * open.words >= self.most) {
            self.close();
        }
    }

    fn line(&mut self, number: usize, range: Range<usize>) {
        let text = self.text;
        let mut words = words(&text[range.clone()])
            .map(|word| range.start + word.start..range.start + word.end);
        // One more than a passage may have, which tells whether the line has to be cut.
        let mut next = Vec::new();
        loop {
            next.extend(words.by_ref().take(self.most + 1 - next.len()));
            if next.is_empty() {
                break;
            }
            let part = self.part(&next);
            self.add(number, &next[..part]);
            next.drain(..part);
        }
    }

    /// Words of one line, which stay together.
    fn add(&mut self, number: usize, part: &[Range<usize>]) {
        if self.open.as_ref().is_some_and(|open| open.words + part.len() > self.most) {
            self.close();
        }
        let (Some(first), Some(last)) = (part.first(), part.last()) else { return };
        let open = self.open.get_or_insert(Open {
            lines: number..=number,
            bytes: first.start..last.end,
            words: 0,
        });
        open.lines = *open.lines.start()..=number;
        open.bytes.end = last.end;
        open.words += part.len();
    }

    /// How many of a line's next words come together: all, or as many of a passage's as end a sentence.
    fn part(&self, words: &[Range<usize>]) -> usize {
        if words.len() <= self.most {
            return words.len();
        }
        let ends_sentence = |word: &Range<usize>| {
            let word = self.text[word.clone()].trim_end_matches(CLOSING);
            word.ends_with(SENTENCE_ENDS)
        };
        let last = words[self.most / 2..self.most].iter().rposition(ends_sentence);
        last.map_or(self.most, |last| self.most / 2 + last + 1)
    }

    fn close(&mut self) {
        let open = self.open.take();
        self.stretches.extend(open.map(|Open { lines, bytes, .. }| Stretch { lines, bytes }));
    }
}

#[cfg(test)]
mod tests;
