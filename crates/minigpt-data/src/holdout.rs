//! Which part of a text is held out where none is by name.

use std::collections::VecDeque;

use crate::DataError;
use crate::part::{Part, Sink};

/// Gives all documents of a text to a sink, from the first; can be asked again.
pub(crate) type Visit<'v> = dyn FnMut(&mut Sink<'_>) -> Result<(), DataError> + 'v;

/// After how many bytes the held-out part starts: whole documents, the fewest that hold at least a
/// tenth of the bytes. Where these would be more than a fifth, the document that reaches over the
/// nine tenths mark is cut in two instead, at the end of the last paragraph before the mark, or
/// failing that of a line, a word or a character. 0 if the text is too short to be cut.
///
/// Also tells the number of bytes in all. Visits the text once, or twice where a document is cut.
pub(crate) fn tenth_from_the_end(visit: &mut Visit<'_>) -> Result<(u64, u64), DataError> {
    let (mut total, mut at_start) = (0, true);
    let mut starts = VecDeque::new();
    visit(&mut |part| {
        match part {
            Part::Text(text) => {
                if std::mem::take(&mut at_start) {
                    starts.push_back(total);
                }
                total += text.len() as u64;
                // Of the starts in the first nine tenths only the last can be the one: the others
                // need no memory.
                while starts.get(1).is_some_and(|second| second * 10 <= total * 9) {
                    starts.pop_front();
                }
            }
            Part::End => at_start = true,
            Part::Missing => {}
        }
        Ok(())
    })?;
    let held_after = |start: &u64| (total - start) * 10 >= total;
    let start = starts.iter().copied().rfind(held_after).unwrap_or(0);
    if (total - start) * 5 <= total {
        return Ok((start, total));
    }
    let mark = total - total.div_ceil(10);
    Ok((break_before(visit, start, mark)?, total))
}

/// The best place to cut the document that starts after `start` bytes, at byte `mark` of the text or
/// up to a tenth of the document's part before it.
fn break_before(visit: &mut Visit<'_>, start: u64, mark: u64) -> Result<u64, DataError> {
    let from = mark - (mark - start) / 10;
    let (mut position, mut previous) = (0, None);
    let (mut paragraph, mut line, mut word, mut character) = (None, None, None, start);
    visit(&mut |part| {
        let Part::Text(text) = part else { return Ok(()) };
        let (text_start, text_end) = (position, position + text.len() as u64);
        position = text_end;
        if text_end <= from || text_start > mark {
            return Ok(());
        }
        let first = text.floor_char_boundary(from.saturating_sub(text_start) as usize);
        let last = text.floor_char_boundary((mark - text_start) as usize);
        for (offset, byte) in text.bytes().enumerate().take(last).skip(first) {
            let after = text_start + offset as u64 + 1;
            match (byte, previous) {
                (b'\n', Some(b'\n')) => (paragraph, line) = (Some(after), Some(after)),
                (b'\n', _) => line = Some(after),
                // A space belongs to the word after it, as GPT-2's tokenizer has it.
                (b' ', _) => word = Some(after - 1),
                _ => {}
            }
            previous = Some(byte);
        }
        character = text_start + last as u64;
        Ok(())
    })?;
    Ok(paragraph.or(line).or(word).unwrap_or(character))
}

/// A sink that passes on what lies before byte `end` of a text.
pub(crate) fn before<'s>(
    end: u64,
    sink: &'s mut Sink<'_>,
) -> impl FnMut(Part<'_>) -> Result<(), DataError> + 's {
    let (mut position, mut inside) = (0_u64, false);
    move |part| match part {
        Part::Text(text) => {
            let length = end.saturating_sub(position).min(text.len() as u64) as usize;
            position += text.len() as u64;
            if length == 0 {
                return Ok(());
            }
            inside = true;
            sink(Part::Text(&text[..length]))
        }
        Part::End if std::mem::take(&mut inside) => sink(Part::End),
        Part::Missing if position < end => sink(part),
        Part::End | Part::Missing => Ok(()),
    }
}

/// A sink that passes on what lies after byte `start` of a text.
pub(crate) fn after<'s>(
    start: u64,
    sink: &'s mut Sink<'_>,
) -> impl FnMut(Part<'_>) -> Result<(), DataError> + 's {
    let (mut position, mut inside) = (0_u64, false);
    move |part| match part {
        Part::Text(text) => {
            let skipped = start.saturating_sub(position).min(text.len() as u64) as usize;
            position += text.len() as u64;
            if skipped == text.len() {
                return Ok(());
            }
            inside = true;
            sink(Part::Text(&text[skipped..]))
        }
        Part::End if std::mem::take(&mut inside) => sink(Part::End),
        Part::Missing if position >= start => sink(part),
        Part::End | Part::Missing => Ok(()),
    }
}
