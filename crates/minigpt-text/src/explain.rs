//! Why a text goes on as it does: how probable each of its tokens was, and what each layer would have said.

use std::ops::Range;

use minigpt_data::Tokenizer;
use minigpt_model::{Decoder, GptRef, SamplingError, log_probability, most_probable};
use serde::Serialize;

use crate::error::TextError;

/// Positions whose logits are in memory at once.
const LOGIT_ROWS: usize = 32;

/// A text as the model reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadText {
    /// Its tokens.
    pub tokens: Vec<ReadToken>,
    /// The logits of the token after the last, `[vocab_size]`; those of padding are minus infinity.
    pub logits: Vec<f32>,
}

/// A token, and how much the model expected it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReadToken {
    /// The token.
    pub id: u32,
    /// Its [name](Tokenizer::token_label).
    pub label: String,
    /// How much it was expected; nothing of the first, which follows nothing.
    #[serde(flatten)]
    pub surprise: Option<Surprise>,
}

/// How much a token was expected after those before it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Surprise {
    /// Its negative log-probability.
    pub nats: f64,
    /// Its probability.
    pub probability: f64,
    /// Its place among all tokens by probability, from 1; of equal ones the lowest id comes first.
    pub rank: usize,
}

/// A token's log-probability after those before it.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenLogProbability {
    /// Its own.
    pub log_probability: f64,
    /// The most probable tokens in its place with theirs, best first.
    pub top: Vec<(u32, f64)>,
}

/// A token that may come next, with its probability.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Candidate {
    /// The token.
    pub id: u32,
    /// Its [name](Tokenizer::token_label).
    pub label: String,
    /// Its probability.
    pub probability: f64,
}

/// What the model would say after a layer, if all further blocks did nothing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LensLayer {
    /// `embedding`, or `block N`, counted from 0.
    pub name: String,
    /// For each position the most probable tokens after it, best first.
    pub positions: Vec<Vec<Candidate>>,
}

/// Reads a text and tells how much each of its tokens was expected.
///
/// ```
/// use burn::tensor::Device;
/// use minigpt_data::Tokenizer;
/// use minigpt_model::{Gpt, GptConfig};
/// use minigpt_text::read_text;
///
/// let tokenizer = Tokenizer::bytes()?;
/// let model = Gpt::init(&GptConfig::tiny(tokenizer.vocab_size()), 0, &Device::flex())?;
/// let read = read_text(&model, &tokenizer, &tokenizer.encode("Once")?)?;
/// assert!(read.tokens[0].surprise.is_none()); // nothing stands before it
/// // One of 257 bytes, and nothing is known yet.
/// let surprise = read.tokens[3].surprise.expect("a token before it");
/// assert!((surprise.nats - 257f64.ln()).abs() < 1.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`TextError::Prompt`] where the model cannot read it: no token, too many, or an unknown id;
/// [`TextError::Sampling`] where the logits are NaN or infinite.
pub fn read_text<'a>(
    model: impl Into<GptRef<'a>>,
    tokenizer: &Tokenizer,
    tokens: &[u32],
) -> Result<ReadText, TextError> {
    let mut surprises = vec![None];
    let logits = read_tokens(model.into(), tokens, &mut |logits, token| {
        surprises.push(Some(Surprise::of(logits, token)?));
        Ok(())
    })?;
    let tokens = tokens.iter().zip(surprises).map(|(id, surprise)| ReadToken {
        id: *id,
        label: tokenizer.token_label(*id),
        surprise,
    });
    Ok(ReadText { tokens: tokens.collect(), logits })
}

/// The log-probability of each token of a text but the first, with the `top` most probable ones in its place.
///
/// ```
/// use burn::tensor::Device;
/// use minigpt_data::Tokenizer;
/// use minigpt_model::{Gpt, GptConfig};
/// use minigpt_text::token_log_probabilities;
///
/// let tokenizer = Tokenizer::bytes()?;
/// let model = Gpt::init(&GptConfig::tiny(tokenizer.vocab_size()), 0, &Device::flex())?;
/// let told = token_log_probabilities(&model, &tokenizer.encode("Once")?, 2)?;
/// assert_eq!((told.len(), told[0].top.len()), (3, 2));
/// assert!(told[0].log_probability <= told[0].top[0].1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`read_text`].
pub fn token_log_probabilities<'a>(
    model: impl Into<GptRef<'a>>,
    tokens: &[u32],
    top: usize,
) -> Result<Vec<TokenLogProbability>, TextError> {
    let mut told = Vec::new();
    read_tokens(model.into(), tokens, &mut |logits, token| {
        check_numbers(logits)?;
        let log_probability = log_probability(logits, token);
        let top = if top == 0 { Vec::new() } else { most_probable(logits, top)? };
        told.push(TokenLogProbability { log_probability, top });
        Ok(())
    })?;
    Ok(told)
}

/// Hears of each token: the logits that it was to follow, and its id.
type EachToken<'a> = dyn FnMut(&[f32], u32) -> Result<(), TextError> + 'a;

/// Reads a text: `each` hears of each token but the first after the logits before it. Returns the logits after the last.
fn read_tokens(
    model: GptRef<'_>,
    tokens: &[u32],
    each: &mut EachToken<'_>,
) -> Result<Vec<f32>, TextError> {
    check(model, tokens)?;
    let mut trace = model.trace(tokens);
    trace.by_ref().for_each(drop); // to its end
    let mut logits = Vec::new();
    for start in (0..tokens.len()).step_by(LOGIT_ROWS) {
        let end = tokens.len().min(start + LOGIT_ROWS);
        logits = model.lens(&trace.residual(start..end));
        let after = &tokens[start + 1..tokens.len().min(end + 1)];
        for (logits, token) in logits.chunks_exact(model.vocab_size()).zip(after) {
            each(logits, *token)?;
        }
    }
    let logits = logits.split_off(logits.len() - model.vocab_size());
    check_numbers(&logits)?;
    Ok(logits)
}

impl Surprise {
    fn of(logits: &[f32], target: u32) -> Result<Self, TextError> {
        check_numbers(logits)?;
        let log_probability = log_probability(logits, target);
        let own = logits[target as usize];
        let is_before = |(id, logit): &(u32, &f32)| **logit > own || **logit == own && *id < target;
        let rank = 1 + (0..).zip(logits).filter(is_before).count();
        Ok(Self { nats: -log_probability, probability: log_probability.exp(), rank })
    }
}

/// The `count` most probable next tokens after each of `positions` of a text, as they would be after the embedding and
/// after each block, if all further blocks did nothing: the logit lens ([nostalgebraist,
/// 2020](https://www.lesswrong.com/posts/AcKRB8wDpdaN6v6ru/interpreting-gpt-the-logit-lens)). The last block's are the
/// model's own.
///
/// ```
/// use burn::tensor::Device;
/// use minigpt_data::Tokenizer;
/// use minigpt_model::{Gpt, GptConfig};
/// use minigpt_text::logit_lens;
///
/// let tokenizer = Tokenizer::bytes()?;
/// let config = GptConfig::tiny(tokenizer.vocab_size());
/// let model = Gpt::init(&config, 0, &Device::flex())?;
/// let layers = logit_lens(&model, &tokenizer, &tokenizer.encode("Once")?, 2..4, 3)?;
/// assert_eq!(layers.len(), 1 + config.n_layer);
/// assert_eq!((layers[0].positions.len(), layers[0].positions[0].len()), (2, 3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`read_text`].
///
/// # Panics
/// Where the text has fewer positions.
pub fn logit_lens<'a>(
    model: impl Into<GptRef<'a>>,
    tokenizer: &Tokenizer,
    tokens: &[u32],
    positions: Range<usize>,
    count: usize,
) -> Result<Vec<LensLayer>, TextError> {
    let model = model.into();
    check(model, tokens)?;
    let layer = |name: String, residual: &[f32]| -> Result<LensLayer, TextError> {
        let logits = model.lens(residual);
        let rows = logits.chunks_exact(model.vocab_size());
        let positions = rows.map(|logits| candidates(logits, tokenizer, count));
        Ok(LensLayer { name, positions: positions.collect::<Result<_, _>>()? })
    };
    let trace = model.trace(tokens);
    let embedding = layer("embedding".to_owned(), &trace.residual(positions.clone()));
    let blocks = trace.enumerate().map(|(number, block)| {
        layer(format!("block {number}"), &block.residual(positions.clone()))
    });
    std::iter::once(embedding).chain(blocks).collect()
}

/// The `count` most probable next tokens, best first.
///
/// # Errors
/// [`TextError::Sampling`] where the logits are NaN or infinite.
pub fn candidates(
    logits: &[f32],
    tokenizer: &Tokenizer,
    count: usize,
) -> Result<Vec<Candidate>, TextError> {
    let candidate = |(id, log_probability): (u32, f64)| Candidate {
        id,
        label: tokenizer.token_label(id),
        probability: log_probability.exp(),
    };
    Ok(most_probable(logits, count)?.into_iter().map(candidate).collect())
}

/// Whether the model can read a text.
fn check(model: GptRef<'_>, tokens: &[u32]) -> Result<(), TextError> {
    Decoder::new(model, &[tokens.to_vec()])?;
    Ok(())
}

fn check_numbers(logits: &[f32]) -> Result<(), TextError> {
    let is_broken = |logit: &f32| logit.is_nan() || *logit == f32::INFINITY;
    match logits.iter().any(is_broken) {
        true => Err(SamplingError::NotANumber.into()),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests;
