//! How tokens are chosen: by the options, the model's own defaults, or ours.

use anyhow::{Result, bail};
use minigpt_data::Tokenizer;
use minigpt_model::{Constraints, Draw, Policy, Sampling};
use minigpt_text::GenerationDefaults;

use crate::args::SamplingArgs;
use crate::terminal::output::say;

/// Where neither the options nor the model say anything; the tutorial's.
const TEMPERATURE: f64 = 1.0;
const TOP_K: usize = 50;
const TOP_P: f64 = 0.95;

impl SamplingArgs {
    /// Checks what is said of single tokens against the model's own tokenizer.
    pub(crate) fn check(&self, tokenizer: &Tokenizer) -> Result<()> {
        let ids = tokenizer.vocab_size();
        let known = |option: &str, given: &[u32]| -> Result<()> {
            match given.iter().find(|id| **id as usize >= ids) {
                Some(id) => bail!("{option} {id}: expected ids of the tokenizer, 0 to {}", ids - 1),
                None => Ok(()),
            }
        };
        known("--allow", self.allow.as_deref().unwrap_or_default())?;
        known("--ban", &self.ban)
    }

    /// Checks the options before a model is loaded.
    pub(crate) fn validate(&self) -> Result<()> {
        self.policy(&GenerationDefaults::default()).map(drop)
    }

    /// The policy that the options describe, or where they say nothing `defaults`, or ours; a temperature of 0
    /// is the most probable token, and a top-k or a length of sequences of 0 is none, as in llama.cpp and
    /// transformers.
    pub(crate) fn policy(&self, defaults: &GenerationDefaults) -> Result<Policy> {
        let constraints = Constraints {
            allowed: self.allow.clone(),
            banned: self.ban.clone(),
            no_repeat_ngram: self
                .no_repeat_ngram
                .or(defaults.no_repeat_ngram)
                .filter(|length| *length > 0),
            repetition_penalty: self
                .repetition_penalty
                .or(defaults.repetition_penalty)
                .unwrap_or(1.0),
            presence_penalty: self.presence_penalty,
            frequency_penalty: self.frequency_penalty,
            spares_prompt: false,
            bias: Vec::new(),
        };
        let temperature = self.temperature.or(defaults.temperature).unwrap_or(TEMPERATURE);
        let is_greedy = self.greedy || defaults.is_greedy && !self.says_how_to_draw();
        let sampling = if is_greedy || temperature == 0.0 {
            Sampling::Greedy
        } else {
            let top_k = self.top_k.or(defaults.top_k).unwrap_or(TOP_K);
            Sampling::Draw(Draw {
                temperature,
                top_k: Some(top_k).filter(|most| *most > 0),
                top_p: Some(self.top_p.or(defaults.top_p).unwrap_or(TOP_P)),
                min_p: self.min_p.or(defaults.min_p),
            })
        };
        let policy = Policy { constraints, ..sampling.into() };
        policy.validate()?;
        Ok(policy)
    }

    fn says_how_to_draw(&self) -> bool {
        let numbers = [self.temperature, self.top_p, self.min_p];
        self.top_k.is_some() || numbers.iter().any(Option::is_some)
    }

    /// Says which of a model's own defaults are taken, and what of them cannot be.
    pub(crate) fn say_defaults(&self, defaults: &GenerationDefaults) {
        let origin = defaults.origin.display();
        let rule = |name: &str, is_given: bool, default: Option<f64>| {
            default.filter(|_| !is_given).map(|value| format!("{name} {value}"))
        };
        let count = |number: Option<usize>| number.map(|number| number as f64);
        let mut rules = vec![
            rule(
                "repetition-penalty",
                self.repetition_penalty.is_some(),
                defaults.repetition_penalty,
            ),
            rule(
                "no-repeat-ngram",
                self.no_repeat_ngram.is_some(),
                count(defaults.no_repeat_ngram),
            ),
        ];
        let is_greedy = self.greedy || self.temperature == Some(0.0);
        if defaults.is_greedy && !is_greedy && !self.says_how_to_draw() {
            rules.push(Some("greedy".to_owned()));
        } else if !is_greedy {
            rules.extend([
                rule("temperature", self.temperature.is_some(), defaults.temperature),
                rule("top-k", self.top_k.is_some(), count(defaults.top_k)),
                rule("top-p", self.top_p.is_some(), defaults.top_p),
                rule("min-p", self.min_p.is_some(), defaults.min_p),
            ]);
        }
        let rules: Vec<String> = rules.into_iter().flatten().collect();
        if !rules.is_empty() {
            say(format_args!("sampling: {}, as {origin} has it", rules.join(", ")));
        }
        say_not_done(defaults);
    }
}

/// `defaults` with ours where they say nothing: a server draws as `generate` does.
pub(crate) fn or_ours(defaults: GenerationDefaults) -> GenerationDefaults {
    GenerationDefaults {
        temperature: defaults.temperature.or(Some(TEMPERATURE)),
        top_k: defaults.top_k.or(Some(TOP_K)),
        top_p: defaults.top_p.or(Some(TOP_P)),
        ..defaults
    }
}

/// Says what a model's makers ask for that cannot be done.
pub(crate) fn say_not_done(defaults: &GenerationDefaults) {
    if !defaults.not_done.is_empty() {
        let (origin, names) = (defaults.origin.display(), defaults.not_done.join(", "));
        say(format_args!("warning: {origin} asks for {names}, which minigpt does not do"));
    }
}

#[cfg(test)]
mod tests;
