//! Generation: sampled token after token, or the most probable text by beam search.

mod batch;
mod constraints;
mod decode;
mod filter;
mod gpt_ref;
mod lookup;
mod policy;
mod sampling;
mod tensor_reader;
#[cfg(test)]
mod tests;

pub use batch::BatchGenerator;
pub use constraints::Constraints;
pub use decode::{Decoder, PromptError};
pub use filter::TokenFilter;
pub use gpt_ref::{AnyGpt, GptRef};
pub use lookup::DraftCounts;
pub use policy::Policy;
pub use sampling::{Draw, Sampling, SamplingError, log_probability};

use lookup::Lookup;
use policy::Choices;
use sampling::log_sum_exp;

/// An endless sequence of tokens that continue a prompt; take as many as wanted.
///
/// The same model, prompt, policy and seed give the same tokens on any device whose logits agree.
/// It ends after an error.
#[derive(Clone)]
pub struct Generator<'a> {
    decoder: Decoder<'a>,
    choices: Choices,
    logits: Vec<f32>,
    has_failed: bool,
    lookup: Option<Lookup>,
}

impl<'a> Generator<'a> {
    /// Continues `prompt`, a sequence of token ids, by `policy` with draws from `seed`.
    ///
    /// # Errors
    /// [`GenerateError`] where the model cannot continue this prompt, or the policy cannot be followed.
    pub fn new(
        model: impl Into<GptRef<'a>>,
        prompt: &[u32],
        policy: impl Into<Policy>,
        seed: u64,
    ) -> Result<Self, GenerateError> {
        let (model, policy) = (model.into(), policy.into());
        let choices = Choices::new(model, prompt.len(), policy, seed)?;
        let decoder = Decoder::new(model, &[prompt.to_vec()])?;
        Ok(Self { decoder, choices, logits: Vec::new(), has_failed: false, lookup: None })
    }

    /// The same tokens by prompt lookup decoding: drafts from what was there before are checked in one pass over the
    /// weights, for answers that quote their prompt ([Saxena,
    /// 2023](https://github.com/apoorvumang/prompt-lookup-decoding)). Only a [packed](GptRef::Packed) model drafts.
    #[must_use]
    pub fn with_lookup(self) -> Self {
        Self { lookup: Some(Lookup::default()), ..self }
    }

    /// How many tokens were [drafted](Self::with_lookup), and how many of these came.
    pub fn draft_counts(&self) -> DraftCounts {
        self.lookup.as_ref().map(Lookup::counts).unwrap_or_default()
    }

    /// The ids of the prompt and of the continuation so far.
    #[must_use]
    pub fn tokens(&self) -> &[u32] {
        &self.decoder.sequences()[0]
    }

    /// Adds tokens that were not chosen here, as the next turn of a conversation; a filter begins anew after them.
    ///
    /// # Errors
    /// [`PromptError::UnknownToken`].
    pub fn extend(&mut self, tokens: &[u32]) -> Result<(), PromptError> {
        self.decoder.check(tokens)?;
        self.choices.begin_text(self.tokens().len() + tokens.len());
        tokens.iter().for_each(|token| self.push(*token));
        Ok(())
    }

    /// Goes on with another text than the one so far; what both begin with is not read again where the model is
    /// [packed](GptRef::Packed). The random state is kept; a filter begins anew.
    ///
    /// # Errors
    /// [`PromptError`] where the model cannot continue it.
    pub fn replace(&mut self, text: &[u32]) -> Result<(), PromptError> {
        if let Some(lookup) = &mut self.lookup {
            lookup.forget();
        }
        self.has_failed = false;
        self.choices.begin_text(text.len());
        self.decoder.replace(text)
    }

    /// The model's logits from which the last token was chosen, before any constraint.
    #[must_use]
    pub fn logits(&self) -> &[f32] {
        &self.logits
    }

    /// How often the context was full and its last half read again.
    #[must_use]
    pub fn slides(&self) -> usize {
        self.decoder.slides()[0]
    }

    fn push(&mut self, token: u32) {
        if let Some(lookup) = &mut self.lookup {
            lookup.observe(token);
        }
        self.decoder.push(&[token]);
    }

    /// The logits of the next token.
    fn next_logits(&mut self) -> Vec<f32> {
        let Some(lookup) = &mut self.lookup else { return self.decoder.logits().swap_remove(0) };
        lookup.take().unwrap_or_else(|| {
            let draft = lookup.draft(&self.decoder.sequences()[0]);
            lookup.keep(&draft, self.decoder.logits_ahead(&draft))
        })
    }
}

impl Iterator for Generator<'_> {
    type Item = Result<u32, SamplingError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_failed {
            return None;
        }
        self.logits = self.next_logits();
        let token = self.choices.next(&self.logits, &self.decoder.sequences()[0]);
        match token {
            Ok(token) => self.push(token),
            Err(_) => self.has_failed = true,
        }
        Some(token)
    }
}

/// A continuation that [`beam_search`] found.
#[derive(Clone, Debug, PartialEq)]
pub struct Beam {
    /// The continuation, without the prompt; a closing end token is part of it.
    pub tokens: Vec<u32>,
    /// The sum of its tokens' log-probabilities, in nats, among the tokens that the constraints allow.
    pub log_probability: f64,
}

impl Beam {
    /// Log-probability per token, by which beams of different lengths compare.
    #[must_use]
    pub fn score(&self) -> f64 {
        self.log_probability / self.tokens.len().max(1) as f64
    }
}

/// The most probable continuations of `prompt` that a beam of `width` finds, best
/// [score](Beam::score) first: each has `max_tokens` tokens, or ends with one of `ends`. A beam that no token
/// may follow is given up.
///
/// ```
/// use burn::tensor::Device;
/// use minigpt_model::{Constraints, Gpt, GptConfig, beam_search};
///
/// let model = Gpt::init(&GptConfig::tiny(256), 0, &Device::flex())?;
/// let beams = beam_search(&model, &[72, 101], &Constraints::default(), 4, 10, &[])?;
/// assert_eq!((beams.len(), beams[0].tokens.len()), (4, 10));
/// assert!(beams[0].score() >= beams[3].score());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`PromptError`] where the model cannot continue the prompt, [`SamplingError`] where the constraints
/// cannot be kept or leave no continuation ([`NoToken`](SamplingError::NoToken)), or the logits are not
/// numbers ([`NotANumber`](SamplingError::NotANumber)).
///
/// # Panics
/// Where `width` or `max_tokens` is 0.
pub fn beam_search<'a>(
    model: impl Into<GptRef<'a>>,
    prompt: &[u32],
    constraints: &Constraints,
    width: usize,
    max_tokens: usize,
    ends: &[u32],
) -> Result<Vec<Beam>, GenerateError> {
    assert!(width > 0 && max_tokens > 0, "a beam of at least one, and a token");
    let model = model.into();
    constraints.validate()?;
    constraints.check_ids(model.tokenizer_size())?;
    let mut decoder = Decoder::new(model, &[prompt.to_vec()])?;
    let mut alive = vec![Beam { tokens: Vec::new(), log_probability: 0.0 }];
    let mut complete: Vec<Beam> = Vec::new();
    for _ in 0..max_tokens {
        let mut logits = decoder.logits();
        let mut next = Vec::new();
        for (row, (beam, logits)) in alive.iter().zip(&mut logits).enumerate() {
            constraints.apply(logits, &decoder.sequences()[row], prompt.len());
            // As many more than the width as may be ends.
            for (token, log_probability) in most_probable(logits, width + ends.len())? {
                next.push((row, token, beam.log_probability + log_probability));
            }
        }
        next.sort_by(|a, b| b.2.total_cmp(&a.2));
        let mut rows = Vec::new();
        let mut chosen = Vec::new();
        for (row, token, log_probability) in next {
            if chosen.len() == width || complete.len() == width {
                break;
            }
            let mut tokens = alive[row].tokens.clone();
            tokens.push(token);
            let beam = Beam { tokens, log_probability };
            if ends.contains(&token) {
                complete.push(beam);
            } else {
                rows.push(row);
                chosen.push(beam);
            }
        }
        alive = chosen;
        if alive.is_empty() || complete.len() == width {
            break;
        }
        decoder.select(&rows);
        let tokens: Vec<u32> =
            alive.iter().filter_map(|beam| beam.tokens.last().copied()).collect();
        decoder.push(&tokens);
    }
    complete.append(&mut alive);
    complete.sort_by(|a, b| b.score().total_cmp(&a.score()));
    complete.truncate(width);
    if complete.is_empty() { Err(SamplingError::NoToken.into()) } else { Ok(complete) }
}

/// A continuation that could not be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum GenerateError {
    /// The prompt cannot be continued.
    #[error(transparent)]
    Prompt(#[from] PromptError),
    /// The policy cannot be followed.
    #[error(transparent)]
    Sampling(#[from] SamplingError),
}

/// The `n` most probable tokens with their log-probabilities in nats, best first; none where no token may follow.
///
/// # Errors
/// [`SamplingError::NotANumber`].
pub fn most_probable(logits: &[f32], n: usize) -> Result<Vec<(u32, f64)>, SamplingError> {
    let draw = Draw { top_k: Some(n), ..Draw::default() };
    let candidates = match draw.candidates(logits) {
        Err(SamplingError::NoToken) => return Ok(Vec::new()),
        candidates => candidates?,
    };
    let total = log_sum_exp(logits);
    let log_probability = |id: u32| f64::from(logits[id as usize]) - total;
    Ok(candidates.into_iter().map(|(id, _)| (id, log_probability(id))).collect())
}
