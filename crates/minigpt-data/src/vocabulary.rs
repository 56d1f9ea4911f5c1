//! The tables of a byte-level BPE: read from the two files in which GPT-2 was published, and given
//! out for other programs' formats.

use std::path::Path;

use minigpt_files::caught;

use crate::tokenizer::{TABLES, bad_tokenizer, bpe};
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
    /// The tokenizer in a model's folder: `tokenizer.json`, or `vocab.json` and `merges.txt`.
    ///
    /// # Errors
    /// [`DataError::NoTokenizer`] if neither is there, and as [`Tokenizer::load`].
    pub fn in_folder(folder: &Path) -> Result<Self, DataError> {
        let file = |name: &str| Some(folder.join(name)).filter(|path| path.exists());
        if let Some(json) = file("tokenizer.json") {
            return Self::load(&json);
        }
        match (file("vocab.json"), file("merges.txt")) {
            (Some(vocab), Some(merges)) => Self::from_vocab_and_merges(&vocab, &merges),
            _ => Err(DataError::NoTokenizer { path: folder.to_owned() }),
        }
    }

    /// A byte-level BPE from `vocab.json` and `merges.txt`, as GPT-2's own were published.
    ///
    /// # Errors
    /// [`DataError::Io`], and [`DataError::BadTokenizer`] where the files are damaged, do not
    /// belong together, or are no byte-level BPE.
    pub(crate) fn from_vocab_and_merges(vocab: &Path, merges: &Path) -> Result<Self, DataError> {
        let ids = serde_json::from_slice(&minigpt_files::read(vocab, TABLES)?)
            .map_err(|error| bad_tokenizer(vocab, error))?;
        let text = minigpt_files::read_text(merges, TABLES)?;
        let model = caught(|| bpe(ids, &text))
            .map_err(|reason| bad_tokenizer(merges, reason))?
            .map_err(|error| bad_tokenizer(merges, error))?;
        Self::from_model(model, vocab)
    }

    /// The tables, for formats of other programs. A tokenizer of characters has none.
    ///
    /// # Errors
    /// [`DataError::Tokenizers`] if the library fails, which is not known to happen.
    pub fn vocabulary(&self) -> Result<Option<Vocabulary>, DataError> {
        let Some(bpe) = self.bpe() else { return Ok(None) };
        let tokens = (0..self.vocab_size() as u32).filter_map(|id| bpe.id_to_token(id)).collect();
        let model = serde_json::to_value(bpe.get_model()).map_err(tokenizers::Error::from)?;
        let merges: Vec<(String, String)> =
            serde_json::from_value(model["merges"].clone()).map_err(tokenizers::Error::from)?;
        let merges = merges.into_iter().map(|(left, right)| format!("{left} {right}")).collect();
        Ok(Some(Vocabulary { tokens, merges }))
    }
}
