//! Recipes by which a model that others trained is tuned on a machine without a GPU, each value with its reason.

use std::fmt;
use std::str::FromStr;

use minigpt_model::LoraConfig;
use serde::{Deserialize, Serialize};

use super::RunConfig;
use super::task::FinetuneTask;
use crate::error::TrainError;

/// What a published model is tuned for, beside its frozen weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Recipe {
    /// To answer in the manner of one's own conversations.
    Chat,
    /// To tell what a text is.
    Classify,
    /// To write the language of a text.
    Domain,
    /// To continue code.
    Code,
}

/// A value of a recipe, and why it is so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reason {
    /// The setting, by its name in `config.json`.
    pub setting: &'static str,
    /// Its value.
    pub value: f64,
    /// Why.
    pub why: &'static str,
}

const fn reason(setting: &'static str, value: f64, why: &'static str) -> Reason {
    Reason { setting, value, why }
}

/// Of all recipes.
const SHARED: [Reason; 2] = [
    reason("model.resid_pdrop", 0.0, "few passes learn little by heart"),
    reason("schedule.final_ratio", 0.0, "the last steps are the smallest"),
];

/// The rate was tried on film reviews with SmolLM2-135M (`docs/experiments.md`), and is taken over from there.
const CHAT: [Reason; 4] = [
    reason("finetune.lora.rank", 16.0, "a manner and some facts: 3.6 % of SmolLM2's parameters"),
    reason("schedule.learning_rate", 5e-4, "as for texts with labels; small models take 2e-3"),
    reason("training.batch_size", 8.0, "conversations are few: more steps from the same ones"),
    reason("training.epochs", 3.0, "the best of them is kept: of 990 instructions the second"),
];

const CLASSIFY: [Reason; 5] = [
    reason("finetune.lora.rank", 16.0, "beside all matrices; the head of labels is trained whole"),
    reason("finetune.lora.dropout", 0.05, "a text has one label: little to learn from much"),
    reason("schedule.learning_rate", 5e-4, "tried on sentences of film reviews"),
    reason("training.batch_size", 16.0, "a text has one label: the gradient of few is noise"),
    reason("training.epochs", 1.0, "tried on sentences of film reviews; more if yours are few"),
];

const DOMAIN: [Reason; 5] = [
    reason("finetune.lora.rank", 32.0, "a language is more to learn than a manner"),
    reason("finetune.context", 512.0, "work on attention grows with its square"),
    reason("schedule.learning_rate", 5e-4, "as for texts with labels"),
    reason("training.batch_size", 4.0, "some 2,000 tokens a step keep two cores busy"),
    reason("training.epochs", 1.0, "a second pass begins to learn the text by heart"),
];

const CODE: [Reason; 5] = [
    reason("finetune.lora.rank", 32.0, "names and idioms are more to learn than a manner"),
    reason("finetune.context", 1024.0, "what is called may stand far from its call"),
    reason("schedule.learning_rate", 5e-4, "as for texts with labels"),
    reason("training.batch_size", 2.0, "some 2,000 tokens a step keep two cores busy"),
    reason("training.epochs", 2.0, "names of one's own are seldom seen in one pass"),
];

impl Recipe {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Chat, Self::Classify, Self::Domain, Self::Code];

    /// The name that [`FromStr`] takes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Classify => "classify",
            Self::Domain => "domain",
            Self::Code => "code",
        }
    }

    /// What it is for.
    #[must_use]
    pub fn what(self) -> &'static str {
        match self {
            Self::Chat => "answer in the manner of your conversations",
            Self::Classify => "tell what a text is",
            Self::Domain => "write the language of your texts",
            Self::Code => "continue your code",
        }
    }

    /// The task that a model is tuned for.
    #[must_use]
    pub fn task(self) -> FinetuneTask {
        match self {
            Self::Chat => FinetuneTask::Instruct,
            Self::Classify => FinetuneTask::Classify,
            Self::Domain | Self::Code => FinetuneTask::Lm,
        }
    }

    /// Its values that are not those of all tuning, with their reasons.
    pub fn reasons(self) -> impl Iterator<Item = Reason> {
        let own: &[Reason] = match self {
            Self::Chat => &CHAT,
            Self::Classify => &CLASSIFY,
            Self::Domain => &DOMAIN,
            Self::Code => &CODE,
        };
        own.iter().chain(&SHARED).copied()
    }

    fn value(self, setting: &str) -> Option<f64> {
        self.reasons().find(|reason| reason.setting == setting).map(|reason| reason.value)
    }

    /// The adapter that is trained.
    #[must_use]
    pub fn lora(self) -> LoraConfig {
        let rank = self.value("finetune.lora.rank").unwrap_or(16.0);
        let dropout = self.value("finetune.lora.dropout").unwrap_or(0.0);
        LoraConfig { dropout, ..LoraConfig::new(rank as usize) }
    }

    /// The settings of tuning with those of this recipe in their place. A context is no longer than the model's.
    pub(super) fn of(self, mut config: RunConfig) -> RunConfig {
        for Reason { setting, value, .. } in self.reasons() {
            match setting {
                "schedule.learning_rate" => config.schedule.learning_rate = value,
                "schedule.final_ratio" => config.schedule.final_ratio = value,
                "training.batch_size" => config.training.batch_size = value as usize,
                "training.epochs" => config.training.epochs = value as usize,
                "model.resid_pdrop" => config.model = config.model.with_dropout(value),
                "finetune.context" => {
                    let context = config.model.block_size.min(value as usize);
                    if let Some(finetune) = &mut config.finetune {
                        finetune.context = finetune.context.or(Some(context));
                    }
                }
                // The adapter's are in the part on tuning, which is given.
                _ => {}
            }
        }
        config
    }
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Recipe {
    type Err = TrainError;

    fn from_str(name: &str) -> Result<Self, TrainError> {
        Self::ALL.into_iter().find(|recipe| recipe.name() == name).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            TrainError::UnknownName { kind: "recipe", name: name.to_owned(), known }
        })
    }
}

#[cfg(test)]
mod tests;
