//! Packing: one stream of tokens per split, cut into windows without padding.

use crate::storage::Tokens;
use crate::{DataError, TextProgress, Tokenizer};

/// A split of a corpus as one stream of tokens, with what is needed to report its loss.
///
/// ```text
/// <|endoftext|> first document <|endoftext|> second document <|endoftext|>
/// ```
///
/// [`END_OF_TEXT`](crate::END_OF_TEXT) stands before every document, so that the first token of a
/// text is predicted as well, and once at the end. Every token but the very first is predicted: the
/// text's own and one [`END_OF_TEXT`](crate::END_OF_TEXT) after each document.
///
/// The counts are of the original documents, so that losses compare across tokenizers. With `nats`
/// the summed loss of all predicted tokens, bits per byte is `nats / ln(2) / bytes` and word
/// perplexity is `exp(nats / words)`.
///
/// The tokens are in memory, or in the mapped files of a [`TokenStore`](crate::TokenStore).
#[derive(Clone, Debug)]
pub struct TokenSplit {
    pub(crate) tokens: Tokens,
    /// Bytes of UTF-8 in the documents; markers between documents do not count.
    pub bytes: u64,
    /// Words in the documents: stretches of anything but Unicode white space. Ends of lines and of
    /// documents are no words.
    pub words: u64,
    /// Unicode scalar values (Rust's `char`) in the documents.
    pub characters: u64,
}

impl TokenSplit {
    /// Tokenizes the documents on all cores and joins them; `progress` as in
    /// [`Tokenizer::encode_documents`].
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn from_documents(
        tokenizer: &Tokenizer,
        documents: &[String],
        progress: &mut dyn FnMut(TextProgress),
    ) -> Result<Self, DataError> {
        let mut tokens = vec![tokenizer.separator()];
        for ids in tokenizer.encode_documents(documents, progress)? {
            tokens.extend(ids);
            tokens.push(tokenizer.separator());
        }
        let sum = |count: fn(&str) -> usize| documents.iter().map(|d| count(d) as u64).sum();
        Ok(Self {
            tokens: Tokens::Memory(tokens.into()),
            bytes: sum(str::len),
            words: sum(|text| text.split_whitespace().count()),
            characters: sum(|text| text.chars().count()),
        })
    }

    /// A split of ids that were made elsewhere, in the order shown above; the counts are of their
    /// text.
    ///
    /// # Panics
    /// If there are no ids.
    #[must_use]
    pub fn from_ids(ids: Vec<u32>, bytes: u64, words: u64, characters: u64) -> Self {
        assert!(!ids.is_empty(), "a stream has at least its first END_OF_TEXT");
        Self { tokens: Tokens::Memory(ids.into()), bytes, words, characters }
    }

    /// Number of tokens, with every [`END_OF_TEXT`](crate::END_OF_TEXT).
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there is always an END_OF_TEXT")]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// The ids in a range of the stream.
    ///
    /// # Panics
    /// If the range goes beyond [`TokenSplit::len`].
    #[must_use]
    pub fn ids(&self, range: std::ops::Range<usize>) -> Vec<u32> {
        assert!(range.end <= self.len(), "tokens {range:?} of {}", self.len());
        let mut ids = Vec::with_capacity(range.len());
        self.tokens.copy(range, &mut ids);
        ids
    }

    /// Cuts the stream into windows of `block_size` tokens; the tokens are shared, not copied.
    ///
    /// # Errors
    /// [`DataError::TooFewTokens`] if there are fewer than `block_size + 1` tokens, and
    /// [`DataError::ZeroBlockSize`].
    pub fn windows(&self, block_size: usize) -> Result<Windows, DataError> {
        self.sliding_windows(block_size, block_size)
    }

    /// Windows of `block_size` tokens that overlap: each starts `stride` tokens after the one before,
    /// and only the last `stride` of its targets are [`fresh`](Window::fresh).
    ///
    /// # Errors
    /// As [`TokenSplit::windows`], and [`DataError::Stride`] for a stride outside `1..=block_size`.
    pub fn sliding_windows(&self, block_size: usize, stride: usize) -> Result<Windows, DataError> {
        if block_size == 0 {
            return Err(DataError::ZeroBlockSize);
        }
        if self.len() <= block_size {
            return Err(DataError::TooFewTokens { tokens: self.len(), block_size });
        }
        if !(1..=block_size).contains(&stride) {
            return Err(DataError::Stride { stride, block_size });
        }
        Ok(Windows { tokens: self.tokens.clone(), block_size, stride })
    }
}

/// A stream of tokens seen as windows of equal length; cheap to clone and to share.
///
/// The windows follow each other without padding and, but for [`TokenSplit::sliding_windows`],
/// without overlap. Where the tokens do not divide, the last window starts earlier, so that it ends
/// with them. Only the last [`fresh`](Window::fresh) targets of a window count: those that no window
/// before it has. So each token is predicted exactly once per pass.
#[derive(Clone, Debug)]
pub struct Windows {
    tokens: Tokens,
    block_size: usize,
    /// Tokens between the starts of two windows.
    stride: usize,
}

/// What the model sees and what it should say: `targets[i]` is the token after `inputs[i]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The tokens seen, `block_size` of them.
    pub inputs: Vec<u32>,
    /// The tokens to predict, `block_size` of them.
    pub targets: Vec<u32>,
    /// How many targets, from the end, count towards a loss over the whole split. All of them,
    /// except in a window that overlaps the one before.
    pub fresh: usize,
}

impl Windows {
    /// Number of windows in a pass, at least 1.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there is always a window")]
    pub fn len(&self) -> usize {
        1 + (self.predicted_tokens() - self.block_size).div_ceil(self.stride)
    }

    /// The window with this number.
    ///
    /// # Panics
    /// If `index` is not below [`Windows::len`].
    #[must_use]
    pub fn get(&self, index: usize) -> Window {
        assert!(index < self.len(), "window {index} of {}", self.len());
        let start = index * self.stride;
        let predicted_before = if index == 0 { 0 } else { start - self.stride + self.block_size };
        let start = start.min(self.predicted_tokens() - self.block_size);
        let end = start + self.block_size;
        Window { fresh: end - predicted_before, ..self.around(start) }
    }

    /// The window whose first input is the token with this number; beyond the end of the stream it
    /// goes on at the start.
    pub(crate) fn around(&self, start: usize) -> Window {
        let straight = self.block_size.min(self.predicted_tokens() - start);
        let ids = |first: usize| {
            let mut ids = Vec::with_capacity(self.block_size);
            self.tokens.copy(start + first..start + first + straight, &mut ids);
            self.tokens.copy(first..first + self.block_size - straight, &mut ids);
            ids
        };
        Window { inputs: ids(0), targets: ids(1), fresh: self.block_size }
    }

    /// All windows in the order of the text.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Window> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// Tokens in a window.
    #[must_use]
    pub(crate) fn block_size(&self) -> usize {
        self.block_size
    }

    /// Tokens predicted in a pass: all but the first. The sum of [`Window::fresh`].
    #[must_use]
    pub(crate) fn predicted_tokens(&self) -> usize {
        self.tokens.len() - 1
    }
}

#[cfg(test)]
mod tests;
