//! Generation: one token after the other from a prompt.

use burn::tensor::{Int, Tensor, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::gpt::Gpt;
use crate::sampling::Sampling;

/// An endless sequence of tokens that continue a prompt; take as many as wanted.
///
/// The model sees the last `block_size` tokens of prompt and continuation. The same model, prompt,
/// policy and seed give the same tokens on any device whose logits agree.
pub struct Generator<'a> {
    model: &'a Gpt,
    sampling: Sampling,
    rng: ChaCha8Rng,
    context: Vec<u32>,
}

/// A prompt that a model cannot continue.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PromptError {
    /// Nothing to continue.
    #[error("the prompt is empty: expected at least one token")]
    Empty,
    /// An id that the model has no embedding for.
    #[error(
        "token id {id} is not in the model's vocabulary of {vocab_size}: use the model's own tokenizer"
    )]
    UnknownToken {
        /// The id.
        id: u32,
        /// Number of ids that the model knows.
        vocab_size: usize,
    },
    /// More tokens than the model can see.
    #[error(
        "the prompt has {tokens} tokens and the model's context is {block_size}: shorten the prompt"
    )]
    TooLong {
        /// Tokens in the prompt.
        tokens: usize,
        /// The model's context.
        block_size: usize,
    },
}

impl<'a> Generator<'a> {
    /// Continues `prompt`, a sequence of token ids, by `sampling` with chances from `seed`.
    ///
    /// # Errors
    /// [`PromptError`] where the model cannot continue this prompt.
    pub fn new(
        model: &'a Gpt,
        prompt: &[u32],
        sampling: Sampling,
        seed: u64,
    ) -> Result<Self, PromptError> {
        let (vocab_size, block_size) = (model.vocab_size(), model.block_size());
        if prompt.is_empty() {
            return Err(PromptError::Empty);
        }
        if prompt.len() > block_size {
            return Err(PromptError::TooLong { tokens: prompt.len(), block_size });
        }
        if let Some(&id) = prompt.iter().find(|id| **id as usize >= vocab_size) {
            return Err(PromptError::UnknownToken { id, vocab_size });
        }
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Ok(Self { model, sampling, rng, context: prompt.to_vec() })
    }

    fn next_logits(&self) -> Vec<f32> {
        let ids: Vec<i32> = self.context.iter().map(|id| *id as i32).collect();
        let device = self.model.wte.weight.lazy_device().inner();
        let tokens =
            Tensor::<2, Int>::from_data(TensorData::new(ids, [1, self.context.len()]), &device);
        let logits = self.model.forward_last(tokens).into_data(); // [1, vocab_size]
        logits.convert::<f32>().try_into_vec().expect("logits converted to f32")
    }
}

impl Iterator for Generator<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let logits = self.next_logits();
        let token = self.sampling.choose(&logits, self.rng.random());
        self.context.push(token);
        if self.context.len() > self.model.block_size() {
            self.context.remove(0);
        }
        Some(token)
    }
}
