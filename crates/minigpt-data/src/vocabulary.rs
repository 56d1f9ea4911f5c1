//! The tables of a byte-level BPE: as the two files have them in which GPT-2 was published, and given
//! out for other programs' formats.

use tokenizers::PreTokenizerWrapper;
use tokenizers::models::bpe::{BPE, Vocab};

use crate::{DataError, Tokenizer};

/// The tables of a byte-level BPE, a byte written as the character that stands for it in GPT-2's
/// files (`Ġ` for a space).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vocabulary {
    /// The tokens by id.
    pub tokens: Vec<String>,
    /// The merges, first to last: two tokens with a space between.
    pub merges: Vec<String>,
}

impl Tokenizer {
    /// The tables of a tokenizer that cuts its texts as GPT-2's does, for formats of other programs. Others
    /// have none here: [`Tokenizer::to_gguf`] has theirs.
    ///
    /// # Errors
    /// [`DataError::Tokenizers`] if the library fails, which is not known to happen.
    pub fn vocabulary(&self) -> Result<Option<Vocabulary>, DataError> {
        let library = self.library().filter(|library| {
            matches!(library.get_pre_tokenizer(), Some(PreTokenizerWrapper::ByteLevel(_)))
        });
        let Some(library) = library else { return Ok(None) };
        let tokens = (0..self.vocab_size() as u32).filter_map(|id| library.id_to_token(id));
        let tokens = tokens.collect();
        Ok(Some(Vocabulary { tokens, merges: merges_of(library.get_model())? }))
    }
}

/// The merges of a model, first to last: two tokens with a space between.
pub(crate) fn merges_of(model: &BPE) -> Result<Vec<String>, DataError> {
    let model = serde_json::to_value(model).map_err(tokenizers::Error::from)?;
    let merges: Vec<(String, String)> =
        serde_json::from_value(model["merges"].clone()).map_err(tokenizers::Error::from)?;
    Ok(merges.into_iter().map(|(left, right)| format!("{left} {right}")).collect())
}

/// The model of a vocabulary and the lines of a `merges.txt`.
pub(crate) fn bpe(vocab: Vocab, merges: &str) -> Result<BPE, tokenizers::Error> {
    let merges = merges
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(left, _)| *left != "#version:")
        .map(|(left, right)| (left.to_owned(), right.to_owned()))
        .collect();
    BPE::builder().vocab_and_merges(vocab, merges).build()
}
