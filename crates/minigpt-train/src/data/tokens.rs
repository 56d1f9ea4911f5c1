//! The text or the examples of a run as tokens, with their tokenizer.

use minigpt_data::{TokenStore, Tokenizer};
use minigpt_model::GptConfig;
use minigpt_text::Prompt;

use crate::data::token_set::TokenSet;
use crate::error::TrainError;

/// The text or the examples of a run as tokens.
#[derive(Clone, Debug)]
pub struct TokenData {
    /// What made the tokens.
    pub tokenizer: Tokenizer,
    /// What is learnt.
    pub train: TokenSet,
    /// What is held out.
    pub valid: TokenSet,
}

/// Tokens of a text's beginning that samples continue.
const BEGINNING: usize = 16;

impl From<&TokenStore> for TokenData {
    fn from(store: &TokenStore) -> Self {
        Self {
            tokenizer: store.tokenizer().clone(),
            train: store.train().clone().into(),
            valid: store.valid().clone().into(),
        }
    }
}

impl TokenData {
    /// What samples can continue where a prompt was not asked for: `prompt`, if the tokenizer knows its
    /// letters and it leaves room in a context of `block_size`, or else the beginning of what is held out.
    ///
    /// # Errors
    /// [`TrainError::Data`].
    pub fn prompt_or_beginning(
        &self,
        prompt: &str,
        block_size: usize,
    ) -> Result<String, TrainError> {
        let tokens = Prompt::of_text(&self.tokenizer, prompt);
        if tokens.is_ok_and(|tokens| tokens.ids().len() <= block_size) {
            return Ok(prompt.to_owned());
        }
        let ids = match &self.valid {
            TokenSet::Text(split) => split.ids(0..split.len().min(block_size)),
            TokenSet::Examples(rows) => rows.rows()[0].inputs.clone(),
            TokenSet::Preferences(set) => set.pairs().pairs()[0].chosen.inputs.clone(),
        };
        let most = BEGINNING.min(block_size / 2).max(1);
        let (end, separator) = (self.tokenizer.end_of_text(), self.tokenizer.separator());
        let is_text = |id: &u32| *id != end && *id != separator;
        let ids: Vec<u32> = ids.into_iter().filter(is_text).take(most).collect();
        let text = self.tokenizer.decode(&ids)?;
        // The last token may be a part of a character.
        Ok(text.trim_end_matches(char::REPLACEMENT_CHARACTER).to_owned())
    }

    /// Makes sure that a model knows all ids of the tokenizer. It may know more, as with a vocabulary that is
    /// padded, which then have no part in anything.
    ///
    /// # Errors
    /// [`TrainError::Vocabulary`].
    pub(crate) fn check_vocabulary(&self, model: &GptConfig) -> Result<(), TrainError> {
        let (vocab_size, ids) = (model.vocab_size, self.tokenizer.vocab_size());
        match vocab_size < ids {
            true => Err(TrainError::Vocabulary { vocab_size, ids }),
            false => Ok(()),
        }
    }

    /// SHA-256 of the training tokens in hexadecimal: a resumed run must see the same.
    pub(crate) fn fingerprint(&self) -> String {
        self.train.fingerprint()
    }
}
