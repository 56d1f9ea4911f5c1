//! Recipes by which a model that others trained is tuned on a machine without a GPU, each value with its reason.

use std::fmt;
use std::str::FromStr;

use minigpt_model::{GptConfig, LoraConfig};
use serde::{Deserialize, Serialize};

use super::RunConfig;
use super::finetune::FinetuneTask;
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
    reason(
        "model.resid_pdrop",
        0.0,
        "few passes beside frozen weights: there is little to learn by heart",
    ),
    reason("schedule.final_ratio", 0.0, "the last steps are the smallest"),
];

const CHAT: [Reason; 4] = [
    reason("finetune.lora.rank", 16.0, "a manner and some facts; 8 learns slower, 32 costs memory"),
    reason("schedule.learning_rate", 5e-4, "a quarter of what adapters of small models take"),
    reason("training.batch_size", 8.0, "few conversations: many steps are worth more"),
    reason("training.epochs", 3.0, "a run ends sooner where a pass brings nothing"),
];

const CLASSIFY: [Reason; 5] = [
    reason("finetune.lora.rank", 16.0, "all matrices of the blocks; the head is trained whole"),
    reason("finetune.lora.dropout", 0.05, "a label is little to learn from a text"),
    reason("schedule.learning_rate", 5e-4, "at 2e-3 a model of thirty layers is undone"),
    reason("training.batch_size", 16.0, "a text has one label: a step needs several"),
    reason("training.epochs", 2.0, "the third pass learns texts by heart"),
];

const DOMAIN: [Reason; 5] = [
    reason("finetune.lora.rank", 32.0, "a language is more to learn than a manner"),
    reason("model.block_size", 512.0, "work on attention grows with its square"),
    reason("schedule.learning_rate", 5e-4, "larger ones forget more of other texts"),
    reason("training.batch_size", 4.0, "some 2,000 tokens a step fill two cores"),
    reason("training.epochs", 1.0, "a text is learnt by heart from the second pass on"),
];

const CODE: [Reason; 5] = [
    reason("finetune.lora.rank", 32.0, "names and idioms are more to learn than a manner"),
    reason("model.block_size", 1024.0, "what is called stands far from its call"),
    reason("schedule.learning_rate", 5e-4, "larger ones forget more of other code"),
    reason("training.batch_size", 2.0, "some 2,000 tokens a step fill two cores"),
    reason(
        "training.epochs",
        2.0,
        "names of one's own come up seldom; a run ends sooner where it can",
    ),
];

impl Recipe {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Chat, Self::Classify, Self::Domain, Self::Code];

    /// The name that [`FromStr`] takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Classify => "classify",
            Self::Domain => "domain",
            Self::Code => "code",
        }
    }

    /// What it is for.
    pub fn what(self) -> &'static str {
        match self {
            Self::Chat => "answer in the manner of your conversations",
            Self::Classify => "tell what a text is",
            Self::Domain => "write the language of your texts",
            Self::Code => "continue your code",
        }
    }

    /// The task that a model is tuned for.
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
                "model.block_size" => {
                    let block_size = config.model.block_size.min(value as usize);
                    config.model = GptConfig { block_size, ..config.model };
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
