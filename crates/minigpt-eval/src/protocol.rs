//! How a text that is longer than the context is read, without which no perplexity means anything.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::EvalError;

/// Windows of `context` tokens that move on by `stride`: each token is predicted once, in the first
/// window that has it, and there is no padding to count.
///
/// A stride as long as the context makes disjoint windows, in which the first token of each is
/// predicted from one token alone. A shorter one is the sliding window of [Hugging Face's
/// page](https://huggingface.co/docs/transformers/perplexity) on perplexity: all but the first window
/// predict with at least `context - stride + 1` tokens before them. There a window of `max_length`
/// holds the tokens that it predicts: the same protocol is `context = max_length - 1` here, where the
/// last token need not be read to be predicted. The last window ends with the text, and so has more
/// context rather than less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protocol {
    /// Most tokens read before one is predicted.
    pub context: usize,
    /// Tokens from the start of one window to that of the next.
    pub stride: usize,
}

impl Protocol {
    /// Windows that do not overlap, as in validation while training.
    #[must_use]
    pub fn disjoint(context: usize) -> Self {
        Self { context, stride: context }
    }

    /// Checks that a model with this context can be evaluated so.
    ///
    /// # Errors
    /// [`EvalError::Protocol`].
    pub fn validate(&self, block_size: usize) -> Result<(), EvalError> {
        let refuse = |option, value, most| Err(EvalError::Protocol { option, value, most });
        match *self {
            Self { context, .. } if !(1..=block_size).contains(&context) => {
                refuse("context", context, block_size)
            }
            Self { context, stride } if !(1..=context).contains(&stride) => {
                refuse("stride", stride, context)
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { context, stride } = self;
        if stride == context {
            write!(f, "disjoint windows of {context} tokens")
        } else {
            write!(f, "windows of {context} tokens, stride {stride}")
        }
    }
}

#[cfg(test)]
mod tests;
