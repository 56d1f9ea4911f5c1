//! What a word is, in scripts that put spaces between words and in those that do not.

use std::ops::Range;

/// Bytes of a word at most: what is longer is of no language, and would make a passage of any size.
const LONGEST: usize = 256;

/// Where the words of a text are: what is between white space, and in scripts without spaces each
/// character, with the punctuation after it.
pub(crate) fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    text.split_whitespace().flat_map(move |stretch| {
        let start = stretch.as_ptr() as usize - text.as_ptr() as usize;
        parts(stretch).map(move |part| start + part.start..start + part.end)
    })
}

/// The words of a stretch without white space.
fn parts(stretch: &str) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = &stretch[start..];
        let mut characters = rest.char_indices();
        let (_, first) = characters.next()?;
        let is_character = is_unspaced(first);
        let begins_another = |(at, c): &(usize, char)| {
            let begins = is_unspaced(*c) || (is_character && c.is_alphanumeric());
            (begins && !is_mark(*c)) || *at >= LONGEST
        };
        let length = characters.find(begins_another).map_or(rest.len(), |(at, _)| at);
        let part = start..start + length;
        start = part.end;
        Some(part)
    })
}

/// Whether a character is of a script without spaces between words. Hangul counts as one: its spaces
/// stand between words with their particles.
pub(crate) fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{0e00}'..='\u{0eff}' // Thai and Lao.
        | '\u{1000}'..='\u{109f}' // Myanmar.
        | '\u{1780}'..='\u{17ff}' // Khmer.
        | '\u{2e80}'..='\u{2fdf}' // Radicals.
        | '\u{3005}'..='\u{3007}' // Iteration mark, closing mark and zero of Han.
        | '\u{3040}'..='\u{30fa}' | '\u{30fc}'..='\u{31ff}' // Kana without its dot, Bopomofo, Jamo.
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' // Han.
        | '\u{ac00}'..='\u{d7af}' // Hangul.
        | '\u{ff66}'..='\u{ffdc}' // Narrow kana and Jamo.
        | '\u{20000}'..='\u{3ffff}') // Rare Han.
}

/// Whether a character of those scripts stands on, below or around the one before it.
fn is_mark(c: char) -> bool {
    matches!(c,
        '\u{0e31}' | '\u{0e33}'..='\u{0e3a}' | '\u{0e47}'..='\u{0e4e}'
        | '\u{0eb1}' | '\u{0eb3}'..='\u{0ebc}' | '\u{0ec8}'..='\u{0ece}'
        | '\u{102b}'..='\u{103e}' | '\u{1056}'..='\u{1059}' | '\u{105e}'..='\u{1060}'
        | '\u{1062}'..='\u{1064}' | '\u{1067}'..='\u{106d}' | '\u{1071}'..='\u{1074}'
        | '\u{1082}'..='\u{108d}' | '\u{109a}'..='\u{109d}'
        | '\u{17b4}'..='\u{17d3}' | '\u{17dd}'
        | '\u{3099}' | '\u{309a}' | '\u{ff9e}' | '\u{ff9f}')
}

#[cfg(test)]
mod tests;
