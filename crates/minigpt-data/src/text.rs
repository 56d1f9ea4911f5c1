//! Plain text to documents, a block at a time.

use std::io::Read;
use std::path::Path;

use crate::files::read_error;
use crate::part::{Part, Sink};
use crate::pieces::{LONGEST, last_cut};
use crate::{DataError, END_OF_TEXT};

/// Bytes read at a time.
const BLOCK: usize = 1 << 20;

/// What happens to bytes that are no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadBytes {
    Refuse,
    Replace,
}

impl BadBytes {
    /// The text of these bytes; the error is the place of the first that is none.
    pub(crate) fn text_of(self, bytes: Vec<u8>) -> Result<String, usize> {
        String::from_utf8(bytes).or_else(|error| match self {
            Self::Replace => Ok(String::from_utf8_lossy(error.as_bytes()).into_owned()),
            Self::Refuse => Err(error.utf8_error().valid_up_to()),
        })
    }
}

/// Gives the documents of a text to `sink`. They are separated by [`END_OF_TEXT`]; neither the
/// marker nor the end of its line is part of a document, and neither is a byte order mark. Memory
/// is bounded however long a document is.
pub(crate) fn visit_text(
    path: &Path,
    mut reader: Box<dyn Read + '_>,
    bad_bytes: BadBytes,
    sink: &mut Sink<'_>,
) -> Result<(), DataError> {
    let mut decoder = Decoder { path, bad_bytes, offset: 0, pending: Vec::new() };
    let mut splitter = Splitter { text: String::new(), searched: 0, after_marker: false };
    let mut block = vec![0; BLOCK];
    let mut at_start = true;
    loop {
        let length = match reader.read(&mut block) {
            Ok(length) => length,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(read_error(path, error)),
        };
        let at_end = length == 0;
        decoder.decode(&block[..length], at_end, &mut splitter.text)?;
        if at_start && (splitter.text.len() >= 3 || at_end) {
            at_start = false;
            if splitter.text.starts_with('\u{feff}') {
                splitter.text.remove(0);
            }
        }
        if at_end {
            return splitter.finish(sink);
        }
        if !at_start {
            splitter.give(sink)?;
        }
    }
}

/// Bytes to characters, whatever the blocks cut.
struct Decoder<'a> {
    path: &'a Path,
    bad_bytes: BadBytes,
    /// Bytes of the file before `pending`.
    offset: usize,
    /// The start of a character that goes on in the next block.
    pending: Vec<u8>,
}

impl Decoder<'_> {
    fn decode(&mut self, block: &[u8], at_end: bool, text: &mut String) -> Result<(), DataError> {
        self.pending.extend_from_slice(block);
        let bytes = std::mem::take(&mut self.pending);
        // NUL is valid UTF-8, but no text has it: UTF-16 and most binary formats do.
        if let Some(at) = bytes.iter().position(|&byte| byte == 0)
            && self.bad_bytes == BadBytes::Refuse
            && std::str::from_utf8(&bytes[..at]).is_ok()
        {
            return Err(self.not_text("a NUL byte", at));
        }
        let mut rest = bytes.as_slice();
        loop {
            match std::str::from_utf8(rest) {
                Ok(valid) => {
                    text.push_str(valid);
                    break;
                }
                Err(error) => {
                    let (valid, bad) = rest.split_at(error.valid_up_to());
                    text.push_str(&String::from_utf8_lossy(valid));
                    if error.error_len().is_none() && !at_end {
                        self.pending = bad.to_vec();
                        break;
                    }
                    if self.bad_bytes == BadBytes::Refuse {
                        let at = bytes.len() - bad.len();
                        return Err(self.not_text("invalid UTF-8", at));
                    }
                    text.push(char::REPLACEMENT_CHARACTER);
                    rest = &bad[error.error_len().unwrap_or(bad.len())..];
                }
            }
        }
        self.offset += bytes.len() - self.pending.len();
        Ok(())
    }

    fn not_text(&self, found: &'static str, at: usize) -> DataError {
        DataError::NotText { path: self.path.to_owned(), found, offset: self.offset + at }
    }
}

/// Characters to documents.
struct Splitter {
    /// Text that was not given yet.
    text: String,
    /// Bytes of it known to hold no marker and no place to cut: a text without white space is
    /// searched once, not once per block.
    searched: usize,
    /// The text follows a marker, whose line may end here.
    after_marker: bool,
}

impl Splitter {
    /// Gives all that later text cannot change.
    fn give(&mut self, sink: &mut Sink<'_>) -> Result<(), DataError> {
        let given = self.give_documents(2, sink)?;
        self.text.drain(..given);
        self.searched = self.searched.saturating_sub(given);
        if self.after_marker {
            return Ok(());
        }
        // The end may be a part of a marker.
        let sure = self.text.len().saturating_sub(END_OF_TEXT.len());
        let sure = self.text.floor_char_boundary(sure);
        if let Some(cut) = last_cut(&self.text, self.searched.min(sure)..sure) {
            sink(Part::Text(&self.text[..cut]))?;
            self.text.drain(..cut);
            self.searched = sure - cut;
        } else if sure > LONGEST {
            sink(Part::Text(&self.text[..sure]))?;
            self.text.drain(..sure);
            self.searched = 0;
        } else {
            self.searched = sure;
        }
        Ok(())
    }

    fn finish(mut self, sink: &mut Sink<'_>) -> Result<(), DataError> {
        let given = self.give_documents(0, sink)?;
        sink(Part::Text(&self.text[given..]))?;
        sink(Part::End)
    }

    /// Gives the documents that end in the text; tells how much of the text they were. Waits for
    /// `line_end` bytes after a marker, in which its line may end.
    fn give_documents(&mut self, line_end: usize, sink: &mut Sink<'_>) -> Result<usize, DataError> {
        let mut given = 0;
        loop {
            let rest = &self.text[given..];
            if self.after_marker {
                if rest.len() < line_end {
                    return Ok(given);
                }
                let line = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n'));
                given += rest.len() - line.unwrap_or(rest).len();
                self.after_marker = false;
                continue;
            }
            let from = self.searched.saturating_sub(given);
            let Some(at) = rest[from..].find(END_OF_TEXT).map(|at| from + at) else {
                return Ok(given);
            };
            sink(Part::Text(&rest[..at]))?;
            sink(Part::End)?;
            given += at + END_OF_TEXT.len();
            self.after_marker = true;
        }
    }
}
