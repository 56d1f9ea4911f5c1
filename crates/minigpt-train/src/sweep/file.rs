//! What a sweep is told, as its file has it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use minigpt_data::Source;
use serde::{Deserialize, Serialize};
use toml::Table;

use super::error::SweepError;
use crate::config::overrides::in_one_line;

/// Most seeds, and most settings that are drawn.
const MOST: usize = 2000;

/// What a sweep is told: from what its trials start, in what they differ, and how long they may take.
///
/// ```toml
/// preset = "austen"                 # where every setting starts from
/// method = "grid"                   # or "random", with the number of settings to draw
/// seeds = [1, 2, 3]
/// budget_minutes = 30
///
/// [set]                             # in all trials, as a file for --config has it
/// optimizer.kind = "muon"
///
/// [vary]                            # a list, or a range
/// schedule.learning_rate = { from = 1e-3, to = 1e-2, steps = 4, scale = "log" }
/// model.n_embd = [128, 160]
///
/// [variants.relu]                   # settings that change together; one without any is the base
/// model.mlp = "relu_squared"
///
/// [halving]                         # at these steps the worse half of the settings ends
/// rungs = [100, 300]
/// keep = "half"                     # or "third"
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepFile {
    /// The preset that every setting starts from.
    #[serde(default = "austen")]
    pub preset: String,
    /// The text, in place of the preset's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Source>,
    /// Held-out text for validation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid: Option<Source>,
    /// Which settings are tried.
    #[serde(default)]
    pub method: Method,
    /// How many settings are drawn; of the method `random` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<usize>,
    /// Decides which settings are drawn.
    #[serde(default)]
    pub draw_seed: u64,
    /// Each setting is trained with each of these seeds.
    #[serde(default = "one_seed")]
    pub seeds: Vec<u64>,
    /// No trial begins that would not end within this time, counted over all trials that there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_minutes: Option<f64>,
    /// Whether settings end early that are worse than others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halving: Option<Halving>,
    /// Settings of all trials.
    #[serde(default, skip_serializing_if = "Table::is_empty")]
    pub set: Table,
    /// Settings that differ, each with a list of values or a range.
    #[serde(default, skip_serializing_if = "Table::is_empty")]
    pub vary: Table,
    /// Settings that change together, by the name of what they are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variants: BTreeMap<String, Table>,
}

/// How a sweep chooses the settings that it tries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Every combination of values.
    #[default]
    Grid,
    /// Some combinations, drawn.
    Random,
}

/// Successive halving ([Jamieson and Talwalkar, 2016](https://arxiv.org/abs/1502.07943)): all settings are trained
/// up to the first rung, the better ones up to the next, and those that are left to their end. A trial that goes on is
/// resumed, so that its schedule is that of the whole run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Halving {
    /// Steps after which settings are compared, by a validation: multiples of the first.
    pub rungs: Vec<usize>,
    /// Which of them go on.
    #[serde(default)]
    pub keep: Keep,
}

/// Which part of the settings goes on after a rung, rounded up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// The better half.
    #[default]
    Half,
    /// The best third.
    Third,
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Half => "half",
            Self::Third => "third",
        })
    }
}

impl Keep {
    /// How many of so many go on.
    pub(crate) fn of(self, settings: usize) -> usize {
        match self {
            Self::Half => settings.div_ceil(2),
            Self::Third => settings.div_ceil(3),
        }
    }
}

fn austen() -> String {
    "austen".to_owned()
}

fn one_seed() -> Vec<u64> {
    vec![1]
}

impl SweepFile {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// [`SweepError::Toml`], or as [`validate`](Self::validate).
    pub fn parse(text: &str) -> Result<Self, SweepError> {
        let file: Self =
            toml::from_str(text).map_err(|error| SweepError::Toml(in_one_line(text, &error)))?;
        file.validate()?;
        Ok(file)
    }

    /// Checks all that can be known without the settings' names.
    ///
    /// # Errors
    /// [`SweepError::Field`].
    pub fn validate(&self) -> Result<(), SweepError> {
        let is_random = self.method == Method::Random;
        let drawn = self.settings;
        let distinct: BTreeSet<&u64> = self.seeds.iter().collect();
        let budget = self.budget_minutes.is_none_or(|minutes| minutes > 0.0 && minutes.is_finite());
        let checks = [
            ("settings", !is_random || drawn.is_some(), "how many to draw, since method is random"),
            ("settings", is_random || drawn.is_none(), "none, unless method is random"),
            ("settings", drawn.is_none_or(|drawn| (1..=MOST).contains(&drawn)), "1 to 2000"),
            ("seeds", (1..=MOST).contains(&self.seeds.len()), "at least one seed"),
            ("seeds", distinct.len() == self.seeds.len(), "each seed once"),
            ("budget_minutes", budget, "a number above 0"),
        ];
        let wrong = checks.into_iter().find(|(_, holds, _)| !holds);
        let halving = self.halving.as_ref().and_then(Halving::wrong);
        match wrong.map(|(field, _, expected)| (field, expected)).or(halving) {
            Some((field, expected)) => Err(SweepError::Field { field: field.to_owned(), expected }),
            None => Ok(()),
        }
    }
}

impl Halving {
    /// The field that has no meaning, and what it could be.
    fn wrong(&self) -> Option<(&'static str, &'static str)> {
        let rise = self.rungs.windows(2).all(|pair| pair[0] < pair[1]);
        let first = self.rungs.first().copied().unwrap_or(0);
        let are_multiples = first > 0 && self.rungs.iter().all(|rung| rung.is_multiple_of(first));
        let expected = "steps that rise, each a multiple of the first, as [100, 300]";
        (!rise || !are_multiples).then_some(("halving.rungs", expected))
    }
}

#[cfg(test)]
mod tests;
