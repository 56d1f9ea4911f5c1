//! How texts are written: the fields that completions and chats share.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::ops::RangeInclusive;
use std::sync::Arc;

use minigpt_data::Tokenizer;
use minigpt_model::{Constraints, Draw, Policy, Sampling};
use minigpt_text::{GenerationDefaults, TextOptions};
use serde_json::Value;

use super::fields::{Fields, unsupported, wrong};
use super::format;
use crate::app::App;
use crate::error::ApiError;

/// Texts of a request at most.
pub(super) const TEXTS: usize = 64;

/// Stop strings at most, and bytes of each.
const STOPS: usize = 16;
const STOP_BYTES: usize = 1024;

const ALL: RangeInclusive<usize> = 0..=usize::MAX;

/// How texts are written, without their length.
#[derive(Debug)]
pub(super) struct GenerationParameters {
    pub(super) policy: Policy,
    pub(super) stop: Vec<String>,
    /// Of the first text; those after it have the numbers that follow.
    pub(super) seed: u64,
    /// Texts for each prompt.
    pub(super) n: usize,
    pub(super) stream: Option<StreamOptions>,
}

/// The answer comes as it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct StreamOptions {
    /// Whether a last chunk has the usage.
    pub(super) include_usage: bool,
}

impl GenerationParameters {
    /// Takes the fields that completions and chats share.
    pub(super) fn take(fields: &mut Fields, app: &App, model: usize) -> Result<Self, ApiError> {
        let card = &app.engine().cards()[model];
        // More would never find a place.
        let limits = app.engine().limits();
        let n = fields.count("n", 1..=TEXTS.min(limits.batch + limits.waiting))?.unwrap_or(1);
        if fields.count("best_of", ALL)?.is_some_and(|best_of| best_of != n) {
            return Err(unsupported("best_of", "ask for as many texts by `n`"));
        }
        if fields.flag("ignore_eos")? {
            return Err(unsupported("ignore_eos", "a text ends where its model ends it"));
        }
        let seed = match fields.integer("seed")? {
            Some(seed) => seed as u64,
            None => random(),
        };
        let mut policy = policy(fields, &card.tokenizer, &card.generation)?;
        if let Some(grammar) = format::grammar(fields, app, model)? {
            policy.filter = Some(Arc::new(grammar));
        }
        Ok(Self { policy, stop: stop(fields)?, seed, n, stream: stream(fields)? })
    }

    /// The same for the text of that number.
    pub(super) fn options(
        &self,
        number: usize,
        max_tokens: usize,
        log_probabilities: bool,
    ) -> TextOptions {
        TextOptions {
            policy: self.policy.clone(),
            max_tokens,
            stop: self.stop.clone(),
            seed: self.seed.wrapping_add(number as u64),
            log_probabilities,
            lookup: false,
        }
    }
}

fn stream(fields: &mut Fields) -> Result<Option<StreamOptions>, ApiError> {
    let is_streamed = fields.flag("stream")?;
    let mut include_usage = false;
    if let Some(mut options) = fields.object("stream_options")? {
        include_usage = options.flag("include_usage")?;
        // Padding against whoever guesses tokens by the length of packets: nothing is encrypted here.
        options.flag("include_obfuscation")?;
        options.finish()?;
    }
    Ok(is_streamed.then_some(StreamOptions { include_usage }))
}

/// What the request says of a token's choice, or where it says nothing the model's makers, or OpenAI's defaults.
fn policy(
    fields: &mut Fields,
    tokenizer: &Tokenizer,
    defaults: &GenerationDefaults,
) -> Result<Policy, ApiError> {
    let temperature = fields.number("temperature", 0.0..=2.0)?;
    let top_p = fields.number("top_p", 0.0..=1.0)?;
    let min_p = fields.number("min_p", 0.0..=1.0)?;
    // -1 is vLLM's word for all.
    let top_k = match fields.take("top_k") {
        Some(value) if value.as_i64() == Some(-1) => Some(0),
        Some(value) => Some(count_of("top_k", &value)?),
        None => None,
    };
    let says_how_to_draw = temperature.or(top_p).or(min_p).is_some() || top_k.is_some();
    let is_greedy = defaults.is_greedy && !says_how_to_draw;
    let temperature = temperature.or(defaults.temperature).unwrap_or(1.0);
    // Of no part of all that is probable, the most probable token is left.
    let sampling = if is_greedy || temperature == 0.0 || top_p == Some(0.0) {
        Sampling::Greedy
    } else {
        Sampling::Draw(Draw {
            temperature,
            top_k: top_k.or(defaults.top_k).filter(|most| *most > 0),
            top_p: top_p.or(defaults.top_p),
            min_p: min_p.or(defaults.min_p),
        })
    };
    let penalty = fields.number("repetition_penalty", 0.01..=100.0)?;
    let constraints = Constraints {
        bias: bias(fields, tokenizer)?,
        no_repeat_ngram: defaults.no_repeat_ngram,
        repetition_penalty: penalty.or(defaults.repetition_penalty).unwrap_or(1.0),
        presence_penalty: fields.number("presence_penalty", -2.0..=2.0)?.unwrap_or(0.0),
        frequency_penalty: fields.number("frequency_penalty", -2.0..=2.0)?.unwrap_or(0.0),
        spares_prompt: true,
        ..Constraints::default()
    };
    let policy = Policy { constraints, filter: None, sampling };
    policy.validate().map_err(|error| ApiError::bad_request(error.to_string()))?;
    Ok(policy)
}

fn count_of(name: &str, value: &Value) -> Result<usize, ApiError> {
    let number = value.as_u64().and_then(|number| usize::try_from(number).ok());
    number.ok_or_else(|| wrong(name, value, "a whole number; 0 or -1 for all"))
}

/// What `logit_bias` adds to the logits of tokens.
fn bias(fields: &mut Fields, tokenizer: &Tokenizer) -> Result<Vec<(u32, f32)>, ApiError> {
    const NAME: &str = "logit_bias";
    let Some(value) = fields.take(NAME) else { return Ok(Vec::new()) };
    let Value::Object(biases) = &value else {
        return Err(wrong(NAME, &value, "an object of token ids with numbers"));
    };
    let ids = tokenizer.vocab_size();
    let each = |(id, bias): (&String, &Value)| {
        let id = id.parse::<u32>().ok().filter(|id| (*id as usize) < ids);
        let bias = bias.as_f64().filter(|bias| (-100.0..=100.0).contains(bias));
        Some((id?, bias? as f32))
    };
    let biases: Option<Vec<_>> = biases.iter().map(each).collect();
    biases.ok_or_else(|| {
        let expected = format!("token ids from 0 to {} with numbers from -100 to 100", ids - 1);
        wrong(NAME, &value, &expected)
    })
}

fn stop(fields: &mut Fields) -> Result<Vec<String>, ApiError> {
    let Some(value) = fields.take("stop") else { return Ok(Vec::new()) };
    let is_stop = |text: &&str| !text.is_empty() && text.len() <= STOP_BYTES;
    let strings = match &value {
        Value::String(text) => Some(vec![text.as_str()]),
        Value::Array(list) if list.len() <= STOPS => list.iter().map(Value::as_str).collect(),
        _ => None,
    };
    let strings = strings.filter(|strings: &Vec<&str>| strings.iter().all(is_stop));
    let strings = strings.map(|strings| strings.into_iter().map(str::to_owned).collect());
    strings.ok_or_else(|| {
        let expected =
            format!("a string or up to {STOPS} of them, of 1 to {STOP_BYTES} bytes each");
        wrong("stop", &value, &expected)
    })
}

/// A number that nobody knows before. Of the standard library, since another source would have burn built again.
pub(super) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests;
