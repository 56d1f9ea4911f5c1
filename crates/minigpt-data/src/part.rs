//! The documents of a file, stretch by stretch.

use crate::DataError;

/// A stretch of a document, or its end. Between two stretches of one document every tokenizer of
/// this crate cuts anyway, so that a document never has to be in memory as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    Text(&'a str),
    End,
    /// A record without a text: null, where the others have one.
    Missing,
}

/// Takes the parts of documents one by one.
pub(crate) type Sink<'s> = dyn FnMut(Part<'_>) -> Result<(), DataError> + 's;
