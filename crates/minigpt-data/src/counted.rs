//! A text that a model is to predict, with what each of its tokens is of it.

use crate::counts::{counts_of_tokens, stretched};
use crate::{DataError, Detokenizer, TextCounts, TextProgress, TokenSplit, Tokenizer};

/// The tokens of some documents as one stream, and how much text each of them is: what it takes to
/// turn losses per token into figures that do not depend on the tokenizer, for any part of the text.
///
/// ```
/// use minigpt_data::{CountedTokens, Tokenizer};
///
/// let tokenizer = Tokenizer::bytes()?;
/// let documents = ["to be".to_owned(), "or not".to_owned()];
/// let text = CountedTokens::new(&tokenizer, &documents, None, &mut |_progress| {})?;
/// // Each character, and an end of text after each document.
/// assert_eq!(text.counts().len(), 11 + 2);
/// assert_eq!(text.total().words, 4);
/// # Ok::<(), minigpt_data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct CountedTokens {
    split: TokenSplit,
    counts: Vec<TextCounts>,
    document_ends: Vec<usize>,
}

impl CountedTokens {
    /// Tokenizes the documents on all cores, after `detokenizer` where there is one; the counts are
    /// of the documents as they were. `progress` as in [`Tokenizer::encode_documents`].
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn new(
        tokenizer: &Tokenizer,
        documents: &[String],
        detokenizer: Option<Detokenizer>,
        progress: &mut dyn FnMut(TextProgress),
    ) -> Result<Self, DataError> {
        let encoded = match detokenizer {
            Some(detokenizer) => {
                let texts: Vec<_> = documents.iter().map(|text| detokenizer.apply(text)).collect();
                tokenizer.encode_documents(&texts, progress)?
            }
            None => tokenizer.encode_documents(documents, progress)?,
        };
        let end = tokenizer.separator();
        let (mut ids, mut counts, mut document_ends) = (vec![end], Vec::new(), Vec::new());
        for (document, document_ids) in documents.iter().zip(encoded) {
            let of_tokens = counts_of_tokens(tokenizer, &document_ids)?;
            counts.extend(stretched(&of_tokens, TextCounts::of(document)));
            counts.push(TextCounts::default());
            ids.extend(document_ids);
            ids.push(end);
            document_ends.push(counts.len());
        }
        let total: TextCounts = counts.iter().copied().sum();
        let TextCounts { bytes, words, characters } = total;
        let split = TokenSplit::from_ids(ids, bytes, words, characters);
        Ok(Self { split, counts, document_ends })
    }

    /// A stream of ids that were made elsewhere, as one document of whose text nothing is known: its
    /// counts are zero.
    ///
    /// # Panics
    /// If there are no ids.
    #[must_use]
    pub fn from_ids(ids: Vec<u32>) -> Self {
        let predicted = ids.len() - 1;
        let counts = vec![TextCounts::default(); predicted];
        Self { split: TokenSplit::from_ids(ids, 0, 0, 0), counts, document_ends: vec![predicted] }
    }

    /// The stream, with an end of text before each document and after the last.
    #[must_use]
    pub fn split(&self) -> &TokenSplit {
        &self.split
    }

    /// How much text each token is that is predicted, that is, all but the first of the stream.
    #[must_use]
    pub fn counts(&self) -> &[TextCounts] {
        &self.counts
    }

    /// Number of predicted tokens up to the end of each document, its end of text included.
    #[must_use]
    pub fn document_ends(&self) -> &[usize] {
        &self.document_ends
    }

    /// How much text it is in all.
    #[must_use]
    pub fn total(&self) -> TextCounts {
        let TokenSplit { bytes, words, characters, .. } = self.split;
        TextCounts { bytes, words, characters }
    }
}

#[cfg(test)]
mod tests;
