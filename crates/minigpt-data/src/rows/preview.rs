//! What of an example is learnt, for somebody to look at.

use crate::{DataError, TokenRow, Tokenizer};

/// Text of an example, of which all or nothing is learnt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// The text, special tokens as they are written.
    pub text: String,
    /// Tokens of it.
    pub tokens: usize,
    /// Whether the model learns to write it.
    pub is_learnt: bool,
}

/// The passages of a row whose targets are tokens, from its first token to its last.
///
/// # Errors
/// As [`Tokenizer::decode`].
pub fn passages(tokenizer: &Tokenizer, row: &TokenRow) -> Result<Vec<Passage>, DataError> {
    let mut parts: Vec<(bool, Vec<u32>)> = Vec::new();
    let mut push = |is_learnt: bool, id: u32| match parts.last_mut() {
        Some((last, ids)) if *last == is_learnt => ids.push(id),
        _ => parts.push((is_learnt, vec![id])),
    };
    row.inputs.first().into_iter().for_each(|id| push(false, *id));
    for (target, seen) in row.targets.iter().zip(row.inputs.iter().skip(1).map(Some).chain([None]))
    {
        match (target, seen) {
            (Some(id), _) => push(true, *id),
            (None, Some(id)) => push(false, *id),
            (None, None) => {}
        }
    }
    let passage = |(is_learnt, ids): (bool, Vec<u32>)| {
        Ok(Passage { text: tokenizer.decode(&ids)?, tokens: ids.len(), is_learnt })
    };
    parts.into_iter().map(passage).collect()
}
