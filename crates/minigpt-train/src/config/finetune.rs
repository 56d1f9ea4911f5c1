//! Fine-tuning: what a model that exists is trained on further, and how its task is put to it.

use std::fmt;
use std::str::FromStr;

use minigpt_data::{ChatTemplate, Template, TooLong};
use minigpt_model::LoraConfig;
use serde::{Deserialize, Serialize};

use crate::error::TrainError;

/// What a model is tuned for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FinetuneTask {
    /// To continue texts of another kind.
    Lm,
    /// To answer instructions.
    Instruct,
    /// To summarise documents.
    Summarize,
    /// To tell what a text is, by a head on its last token.
    Classify,
}

impl FinetuneTask {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Lm, Self::Instruct, Self::Summarize, Self::Classify];

    /// The name that [`FromStr`] takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lm => "lm",
            Self::Instruct => "instruct",
            Self::Summarize => "summarize",
            Self::Classify => "classify",
        }
    }

    /// How the task is put to a model, where it is put in words: to answer, as the model was taught by its
    /// own template if it has one.
    fn template(self, of_base: Option<ChatTemplate>) -> Option<ChatTemplate> {
        match self {
            Self::Instruct => Some(of_base.unwrap_or_else(|| Template::instruct().into())),
            Self::Summarize => Some(Template::summarize().into()),
            Self::Lm | Self::Classify => None,
        }
    }
}

impl fmt::Display for FinetuneTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for FinetuneTask {
    type Err = TrainError;

    fn from_str(name: &str) -> Result<Self, TrainError> {
        Self::ALL.into_iter().find(|task| task.name() == name).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            TrainError::UnknownName { kind: "task", name: name.to_owned(), known }
        })
    }
}

/// What a tuned model comes from and is for; a part of its run's configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinetuneConfig {
    /// The model that was tuned: a run folder, a model folder, or `hf:owner/model`.
    pub base: String,
    /// Whether the base gave its shape and tokenizer alone, and the weights are fresh: what the
    /// base's training was worth.
    pub fresh: bool,
    /// What for.
    pub task: FinetuneTask,
    /// How the task is put to the model, where it is put in words.
    pub template: Option<ChatTemplate>,
    /// What a classifier tells apart, in the order of its head; empty for others.
    pub labels: Vec<String>,
    /// Whether examples longer than the context are left out instead of refused.
    pub skip_long: bool,
    /// The adapter that is trained in place of the model's own weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lora: Option<LoraConfig>,
}

impl FinetuneConfig {
    /// The settings of a task before its data are read, for a base that has a chat template or none.
    pub fn new(base: String, task: FinetuneTask, of_base: Option<ChatTemplate>) -> Self {
        let (template, labels) = (task.template(of_base), Vec::new());
        Self { base, fresh: false, task, template, labels, skip_long: false, lora: None }
    }

    pub(crate) fn template(&self) -> Result<&ChatTemplate, TrainError> {
        let expected = "a template for a task that is put in words";
        self.template.as_ref().ok_or(TrainError::Setting { field: "finetune.template", expected })
    }

    pub(crate) fn too_long(&self) -> TooLong {
        if self.skip_long { TooLong::LeftOut } else { TooLong::Refused }
    }
}
