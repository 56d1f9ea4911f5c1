//! How tokens are chosen, and the choices of one text.

use std::sync::Arc;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::constraints::Constraints;
use super::filter::TokenFilter;
use super::gpt_ref::GptRef;
use super::sampling::{Sampling, SamplingError};

/// How a continuation is chosen: constraints and a filter change the logits, then sampling chooses.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Which tokens may follow, and what repetition costs.
    pub constraints: Constraints,
    /// What may follow as the text grows, such as a grammar, before the first token of a text.
    pub filter: Option<Arc<dyn TokenFilter>>,
    /// How one of them is chosen.
    pub sampling: Sampling,
}

impl From<Sampling> for Policy {
    fn from(sampling: Sampling) -> Self {
        Self { constraints: Constraints::default(), filter: None, sampling }
    }
}

impl Policy {
    /// Checks what can be known of the policy without a model: the ranges of its numbers.
    ///
    /// # Errors
    /// The first [`SamplingError`] found.
    pub fn validate(&self) -> Result<(), SamplingError> {
        self.constraints.validate()?;
        self.sampling.validate()
    }

    /// The same, and that `model` has the tokens that the constraints name.
    fn validate_for(&self, model: GptRef<'_>) -> Result<(), SamplingError> {
        self.validate()?;
        self.constraints.check_ids(model.tokenizer_size())
    }
}

/// The choices of one text: its policy, where its filter stands, and its random state.
#[derive(Clone)]
pub(super) struct Choices {
    policy: Policy,
    /// Tokens that were there before those that are chosen.
    prompt: usize,
    filter: Option<Box<dyn TokenFilter>>,
    rng: ChaCha8Rng,
}

impl Choices {
    /// Those of a text after `prompt` tokens.
    pub(super) fn new(
        model: GptRef<'_>,
        prompt: usize,
        policy: Policy,
        seed: u64,
    ) -> Result<Self, SamplingError> {
        policy.validate_for(model)?;
        let rng = ChaCha8Rng::seed_from_u64(seed);
        let mut choices = Self { policy, prompt, filter: None, rng };
        choices.begin_text(prompt);
        Ok(choices)
    }

    /// Another text is written next, after `prompt` tokens; its filter knows nothing of the one before.
    pub(super) fn begin_text(&mut self, prompt: usize) {
        self.prompt = prompt;
        self.filter = self.policy.filter.as_ref().map(|filter| filter.fork());
    }

    /// The token that follows `tokens`, whose next logits these are.
    pub(super) fn next(&mut self, logits: &[f32], tokens: &[u32]) -> Result<u32, SamplingError> {
        let mut logits = logits.to_vec();
        self.policy.constraints.apply(&mut logits, tokens, self.prompt);
        if let Some(filter) = &mut self.filter {
            filter.restrict(&mut logits).map_err(SamplingError::Filter)?;
        }
        let token = self.policy.sampling.choose(&logits, self.rng.random())?;
        if let Some(filter) = &mut self.filter {
            filter.push(token).map_err(SamplingError::Filter)?;
        }
        Ok(token)
    }
}
