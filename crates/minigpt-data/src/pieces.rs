//! Cutting a long text so that its pieces, tokenized one by one, give the ids of the whole.

use std::ops::Range;

/// Bytes of a stretch without a place to cut at most: there it is cut between any two characters. No
/// language has such words; base64, DNA and endless white space do. Llama 3's tokenizer cuts them too,
/// at 25,000 characters (`MAX_NO_WHITESPACES_CHARS` in its `tokenizer.py`). A token store counts pieces:
/// to change this, raise its format too.
pub(crate) const LONGEST: usize = 1 << 16;

/// Where a text can be cut so that its pieces have the ids of the whole, from the most places to the fewest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cuts {
    /// Before a space or the end of a line that follows something else.
    SpacesAndLines,
    /// Before a space that follows something else.
    Spaces,
    /// Nowhere that is known.
    Nowhere,
}

impl Cuts {
    /// Cuts `text` into pieces of about `at_least` bytes, longer where no place to cut is near, but not
    /// longer than [`LONGEST`] bytes more. A text that can be cut nowhere is one piece.
    ///
    /// GPT-2's pre-tokenizer (the pattern in `encoder.py`) looks neither behind nor, except at the end
    /// of white space, ahead, and no match of it goes on into white space after something else. So
    /// between a character that is not white space and a white space after it, it cuts whatever the
    /// text around says, and both sides match as they do in the whole.
    pub(crate) fn pieces(self, text: &str, at_least: usize) -> impl Iterator<Item = &str> {
        let mut rest = text;
        std::iter::from_fn(move || {
            let (piece, after) = rest.split_at(self.first(rest, at_least));
            rest = after;
            (!piece.is_empty()).then_some(piece)
        })
    }

    fn first(self, text: &str, at_least: usize) -> usize {
        if self == Self::Nowhere {
            return text.len();
        }
        let from = text.floor_char_boundary(at_least);
        let mut previous_is_ink = false;
        for (offset, c) in text[from..].char_indices() {
            if previous_is_ink && self.before(c) || offset >= LONGEST {
                return from + offset;
            }
            previous_is_ink = is_ink(c);
        }
        text.len()
    }

    /// Whether there is such a place in a text.
    pub(crate) fn are_in(self, text: &str) -> bool {
        let pairs = text.chars().zip(text.chars().skip(1));
        pairs.into_iter().any(|(before, after)| is_ink(before) && self.before(after))
    }

    fn before(self, c: char) -> bool {
        match self {
            Self::SpacesAndLines => matches!(c, ' ' | '\n'),
            Self::Spaces => c == ' ',
            Self::Nowhere => false,
        }
    }
}

/// Cuts `text` where no stretch without a place to cut then has more than `longest` bytes: nowhere in
/// most texts.
pub(crate) fn within(text: &str, longest: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, after) = rest.split_at(end_within(rest, longest));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

fn end_within(text: &str, longest: usize) -> usize {
    let (mut start, mut previous_is_ink) = (0, false);
    for (offset, c) in text.char_indices() {
        if previous_is_ink && matches!(c, ' ' | '\n') {
            start = offset;
        }
        if offset + c.len_utf8() - start > longest && offset > start {
            return offset;
        }
        previous_is_ink = is_ink(c);
    }
    text.len()
}

/// The last place in `range`, which lies between characters, where `text` can be cut for most tokenizers:
/// before a space, and before the end of a line where there is no space.
pub(crate) fn last_cut(text: &str, range: Range<usize>) -> Option<usize> {
    let last = |before: char| {
        let mut places = text[range.clone()].rmatch_indices(before);
        let cut = places.find(|(at, _)| text[..range.start + at].ends_with(is_ink));
        cut.map(|(at, _)| range.start + at)
    };
    last(' ').or_else(|| last('\n'))
}

/// Libraries disagree on whether some control characters are white space: they are neither.
fn is_ink(c: char) -> bool {
    !c.is_whitespace() && !c.is_control()
}

#[cfg(test)]
mod tests;
