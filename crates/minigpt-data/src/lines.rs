//! Records as the lines of one text.

use crate::DataError;
use crate::part::{Part, Sink};
use crate::pieces::last_cut;

/// Joins records into one document, each of them a line.
pub(crate) struct Lines<'a, 's> {
    sink: &'a mut Sink<'s>,
    /// Text that was not given yet.
    text: String,
    /// The record so far has the end of its line.
    has_end: bool,
}

/// Bytes of lines gathered before some are given on.
const GATHERED: usize = 1 << 16;

impl<'a, 's> Lines<'a, 's> {
    pub(crate) fn new(sink: &'a mut Sink<'s>) -> Self {
        Self { sink, text: String::new(), has_end: false }
    }

    pub(crate) fn push(&mut self, part: Part<'_>) -> Result<(), DataError> {
        match part {
            Part::Text(record) => {
                self.text.push_str(record);
                self.has_end = record.ends_with('\n');
                return Ok(());
            }
            Part::Missing => return (self.sink)(part),
            Part::End if self.has_end => {}
            Part::End => self.text.push('\n'),
        }
        self.has_end = false;
        if self.text.len() < GATHERED {
            return Ok(());
        }
        let Some(cut) = last_cut(&self.text, 0..self.text.len()) else { return Ok(()) };
        (self.sink)(Part::Text(&self.text[..cut]))?;
        self.text.drain(..cut);
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<(), DataError> {
        (self.sink)(Part::Text(&self.text))?;
        (self.sink)(Part::End)
    }
}
