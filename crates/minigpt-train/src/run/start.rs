//! What is known before the first step, kept for whoever reports the run later.

use std::collections::{BTreeMap, BTreeSet};

use minigpt_data::{TextCounts, Unigrams};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::RunConfig;
use crate::data::token_set::TokenSet;
use crate::data::tokens::TokenData;

/// The machine that a run began on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// The processor's name, where the system tells.
    pub processor: Option<String>,
    /// Cores that the program may use.
    pub cores: usize,
    /// Bytes of memory that programs may take, where the system tells.
    pub memory: Option<u64>,
}

/// The recipe that a run's settings started from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// Its name.
    pub name: String,
    /// The preset's value of each setting that the run changed.
    pub changed: BTreeMap<String, Value>,
}

impl Preset {
    /// The settings in which `config` differs from `preset`, which is called `name`.
    #[must_use]
    pub fn new(name: &str, preset: &RunConfig, config: &RunConfig) -> Self {
        let (of_run, of_preset) = (config.settings(), preset.settings());
        let names: BTreeSet<&String> = of_run.keys().chain(of_preset.keys()).collect();
        let changed = names.into_iter().filter(|key| of_run.get(*key) != of_preset.get(*key));
        // One that the preset leaves out is null.
        let value = |key: &String| of_preset.get(key).cloned().unwrap_or_default();
        let changed = changed.map(|key| (key.clone(), value(key))).collect();
        Self { name: name.to_owned(), changed }
    }
}

/// Sizes of the model and of its text, saved as `start.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartFigures {
    /// Parameters of the model.
    pub parameters: usize,
    /// Those that are trained: all, or an adapter's.
    pub trained: usize,
    /// What is learnt.
    pub train: SplitFigures,
    /// What is held out.
    pub valid: SplitFigures,
    /// Perplexity per token of the held-out text under the frequencies of the training tokens alone: a model that
    /// is no better has learnt token frequencies only. Missing for examples.
    pub unigram_perplexity: Option<f64>,
}

/// The size of a split, in tokens and examples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitFigures {
    /// Examples; none of a text.
    pub examples: Option<usize>,
    /// Tokens.
    pub tokens: usize,
    /// Tokens, or labels, that are predicted.
    pub predicted: usize,
    /// Bytes of UTF-8.
    pub bytes: u64,
    /// Words between white space.
    pub words: u64,
    /// Unicode scalar values.
    pub characters: u64,
}

impl StartFigures {
    /// The figures of a run that has not begun.
    pub(crate) fn new(config: &RunConfig, data: &TokenData) -> Self {
        let (model, ids) = (&config.model, data.tokenizer.vocab_size());
        let parameters = model.parameter_counts().total();
        let unigram_perplexity = match (&data.train, &data.valid) {
            (TokenSet::Text(train), TokenSet::Text(valid)) => {
                let counts = |split| Unigrams::count(split, ids);
                Some(counts(train).perplexity_of(&counts(valid)))
            }
            _ => None,
        };
        Self {
            parameters,
            trained: config.lora().map_or(parameters, |lora| lora.parameters(model)),
            train: SplitFigures::of(&data.train),
            valid: SplitFigures::of(&data.valid),
            unigram_perplexity,
        }
    }
}

impl SplitFigures {
    fn of(set: &TokenSet) -> Self {
        let TextCounts { bytes, words, characters } = set.counts();
        let examples = match set {
            TokenSet::Text(_) => None,
            TokenSet::Examples(_) | TokenSet::Preferences(_) => Some(set.rows()),
        };
        let (tokens, predicted) = (set.tokens(), set.predicted());
        Self { examples, tokens, predicted, bytes, words, characters }
    }
}

#[cfg(test)]
mod tests;
