//! Cutting a long text so that its pieces, tokenized one by one, give the ids of the whole.

use std::ops::Range;

/// Bytes of a stretch without a place to cut at most: there it is cut between any two characters. No
/// language has such words; base64, DNA and endless white space do. Llama 3's tokenizer cuts them too,
/// at 25,000 characters (`MAX_NO_WHITESPACES_CHARS` in its `tokenizer.py`). A token store counts pieces:
/// to change this, raise its format too.
pub(crate) const LONGEST: usize = 1 << 16;

/// Cuts `text` into pieces of about `at_least` bytes, longer where no place to cut is near, but not
/// longer than [`LONGEST`] bytes more.
///
/// GPT-2's pre-tokenizer (the pattern in `encoder.py`) looks neither behind nor, except at the end
/// of white space, ahead, and no match of it goes on into white space after something else. So
/// between a character that is not white space and a white space after it, it cuts whatever the
/// text around says, and both sides match as they do in the whole.
pub(crate) fn pieces(text: &str, at_least: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, after) = rest.split_at(first_cut(rest, at_least));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

fn first_cut(text: &str, at_least: usize) -> usize {
    let from = text.floor_char_boundary(at_least);
    let mut previous_is_ink = false;
    for (offset, c) in text[from..].char_indices() {
        if previous_is_ink && matches!(c, ' ' | '\n') || offset >= LONGEST {
            return from + offset;
        }
        previous_is_ink = is_ink(c);
    }
    text.len()
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

/// The last place in `range`, which lies between characters, where `text` can be cut.
pub(crate) fn last_cut(text: &str, range: Range<usize>) -> Option<usize> {
    let mut spaces = text[range.clone()].rmatch_indices([' ', '\n']);
    let cut = spaces.find(|(at, _)| text[..range.start + at].ends_with(is_ink));
    cut.map(|(at, _)| range.start + at)
}

/// Libraries disagree on whether some control characters are white space: they are neither.
fn is_ink(c: char) -> bool {
    !c.is_whitespace() && !c.is_control()
}

#[cfg(test)]
mod tests;
