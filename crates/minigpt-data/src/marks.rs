//! What stands before, after and between texts, as ids.

use crate::END_OF_TEXT;
use crate::pipeline::Library;
use crate::tokenizer_file::Described;

/// The ids around texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Marks {
    /// What ends a text, the one to train on first; never empty.
    pub(crate) ends: Vec<u32>,
    /// What the file puts before and after a text.
    pub(crate) around: [Vec<u32>; 2],
    /// What stands between documents.
    pub(crate) separator: u32,
}

impl Marks {
    /// `given` is what other files say that a text ends with; the error is the reason alone.
    pub(crate) fn new(
        library: &Library,
        described: Described,
        given: Vec<u32>,
        vocab_size: usize,
    ) -> Result<Self, String> {
        let Described { around, mut ends, .. } = described;
        if let Some(id) =
            around.iter().flatten().chain(&ends).find(|id| **id as usize >= vocab_size)
        {
            return Err(format!("id {id}, which it puts around texts, is not one of {vocab_size}"));
        }
        let added = library.get_added_tokens_decoder();
        let usual = added.iter().find(|(_, token)| token.special && token.content == END_OF_TEXT);
        let usual = usual.map(|(id, _)| *id);
        if ends.is_empty() {
            // A model's configuration may name an id that its tokenizer does not have: no text ends with it.
            let known = given.into_iter().filter(|id| (*id as usize) < vocab_size);
            known.for_each(|id| {
                if !ends.contains(&id) {
                    ends.push(id)
                }
            });
        }
        if ends.is_empty() {
            ends.extend(usual);
        }
        let first = *ends.first().ok_or_else(|| {
            format!("it has no special token {END_OF_TEXT}, and no tokenizer_config.json or generation_config.json beside it names another end of text")
        })?;
        let separator = around[0].first().copied().or(usual).unwrap_or(first);
        Ok(Self { ends, around, separator })
    }
}

/// How much of the space at the start of a text is left to take away.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    pub(crate) spaces: usize,
}

impl Start {
    /// What the next token's bytes are in the text.
    pub(crate) fn of<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let spaces = bytes.iter().take(self.spaces).take_while(|byte| **byte == b' ').count();
        self.spaces = if spaces == bytes.len() { self.spaces - spaces } else { 0 };
        &bytes[spaces..]
    }
}
