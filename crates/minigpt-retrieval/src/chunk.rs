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
pub fn passages(source: &str, text: &str, words: usize) -> Vec<Passage> {
    let mut cutter = Cutter { source, text, most: words.max(1), open: None, passages: Vec::new() };
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
    cutter.passages
}

/// The passage that grows.
struct Open {
    lines: RangeInclusive<usize>,
    bytes: Range<usize>,
    words: usize,
}

struct Cutter<'a> {
    source: &'a str,
    text: &'a str,
    /// Words that a passage has at most.
    most: usize,
    open: Option<Open>,
    passages: Vec<Passage>,
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
        let Some(open) = self.open.take() else { return };
        self.passages.push(Passage {
            source: self.source.to_owned(),
            first_line: *open.lines.start(),
            last_line: *open.lines.end(),
            text: self.text[open.bytes].to_owned(),
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::passages;
    use crate::words::words;

    #[test]
    fn a_passage_ends_where_a_paragraph_does() {
        let text = "a b c\nd e\n\nf g h\n\ni j k l m\n";
        let found = passages("x", text, 8);
        let texts: Vec<&str> = found.iter().map(|passage| passage.text.as_str()).collect();
        assert_eq!(texts, ["a b c\nd e", "f g h\n\ni j k l m"]);
        assert_eq!((found[1].first_line, found[1].last_line), (4, 6));
    }

    #[test]
    fn documents_share_no_passage() {
        let found = passages("x", "a b\n<|endoftext|>\nc d\n", 8);
        assert_eq!(found.len(), 2);
        assert_eq!((found[1].first_line, found[1].text.as_str()), (3, "c d"));
    }

    #[test]
    fn a_text_without_spaces_is_cut_at_its_sentences() {
        let found = passages("x", "猫がいる。犬もいる。", 8);
        let texts: Vec<&str> = found.iter().map(|passage| passage.text.as_str()).collect();
        assert_eq!(texts, ["猫がいる。犬もいる。"]);
        let found = passages("x", "猫がいる。犬もいる。鳥もいる。", 8);
        let texts: Vec<&str> = found.iter().map(|passage| passage.text.as_str()).collect();
        assert_eq!(texts, ["猫がいる。犬もいる。", "鳥もいる。"]);
    }

    #[test]
    fn a_long_line_is_cut_between_words() {
        let line: Vec<String> = (0..20).map(|number| number.to_string()).collect();
        let found = passages("x", &format!("first\n{}", line.join(" ")), 8);
        assert_eq!(found.len(), 4);
        assert_eq!(found[1].text, "0 1 2 3 4 5 6 7");
        assert!(found[1..].iter().all(|part| (part.first_line, part.last_line) == (2, 2)));
    }

    proptest! {
        #[test]
        fn every_word_is_in_one_passage_that_says_its_lines(
            text in "([a-cé語]{1,3}|[ \n\t]|\r\n){0,80}",
            most in 1_usize..12,
        ) {
            let found = passages("x", &text, most);
            fn all(text: &str) -> impl Iterator<Item = &str> {
                words(text).map(move |range| &text[range])
            }
            let of_passages: Vec<&str> =
                found.iter().flat_map(|passage| all(&passage.text)).collect();
            prop_assert_eq!(of_passages, all(&text).collect::<Vec<_>>());
            let lines: Vec<&str> = text.split_inclusive('\n').collect();
            for passage in &found {
                prop_assert!(words(&passage.text).count() <= most);
                let of_lines = lines[passage.first_line - 1..passage.last_line].concat();
                prop_assert!(of_lines.contains(&passage.text));
                // No line more than needed.
                prop_assert!(of_lines.trim_end().lines().count() == passage.text.lines().count());
            }
        }
    }
}
