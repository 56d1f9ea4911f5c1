//! Fine-tuning: what a model that exists is trained on further, and how its task is put to it.

use minigpt_data::{ChatTemplate, Learnt, RowOptions, TooLong, WeightedSource};
use minigpt_model::LoraConfig;
use serde::{Deserialize, Serialize};

use super::recipes::Recipe;
pub use super::task::FinetuneTask;
use crate::error::TrainError;

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
    /// The recipe that the settings began with, if they did with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<Recipe>,
    /// How the task is put to the model, where it is put in words.
    pub template: Option<ChatTemplate>,
    /// What a classifier tells apart, in the order of its head; empty for others.
    pub labels: Vec<String>,
    /// Whether examples longer than the context are left out instead of refused.
    pub skip_long: bool,
    /// Whether conversations longer than the context lose their last turns until the others fit.
    #[serde(default, skip_serializing_if = "is_false")]
    pub shorten_long: bool,
    /// Whether invalid examples are left out and counted instead of refused.
    #[serde(default, skip_serializing_if = "is_false")]
    pub skip_bad: bool,
    /// Whether the last answer of a conversation alone is learnt, instead of all.
    #[serde(default, skip_serializing_if = "is_false")]
    pub last_answer: bool,
    /// Tokens of the windows that a text is learnt in; without it, those of the model's context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<usize>,
    /// Tokens of the rows in which several examples stand one after the other, none of which sees another; without it, a
    /// row is one example.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pack: Option<usize>,
    /// All sources of examples, where there are several or one has a weight; the first is the data's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<WeightedSource>,
    /// How much a preference's margin counts, above 0: the larger, the less the model may leave its base. Of a run on
    /// preferences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beta: Option<f64>,
    /// The adapter that is trained in place of the model's own weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lora: Option<LoraConfig>,
}

impl FinetuneConfig {
    /// The settings of a task before its data are read, for a base that has a chat template or none.
    #[must_use]
    pub fn new(base: String, task: FinetuneTask, of_base: Option<ChatTemplate>) -> Self {
        Self {
            base,
            fresh: false,
            task,
            recipe: None,
            template: task.template(of_base),
            labels: Vec::new(),
            skip_long: false,
            shorten_long: false,
            skip_bad: false,
            last_answer: false,
            context: None,
            pack: None,
            sources: Vec::new(),
            beta: (task == FinetuneTask::Prefer).then_some(0.1),
            lora: None,
        }
    }

    pub(crate) fn template(&self) -> Result<&ChatTemplate, TrainError> {
        let expected = "a template for a task that is put in words";
        self.template.as_ref().ok_or(TrainError::Setting { field: "finetune.template", expected })
    }

    /// How examples become rows for a context of `block_size` tokens.
    pub(crate) fn row_options(&self, block_size: usize) -> RowOptions {
        let too_long = match (self.shorten_long, self.skip_long) {
            (true, _) => TooLong::Shortened,
            (false, true) => TooLong::LeftOut,
            (false, false) => TooLong::Refused,
        };
        let learnt = if self.last_answer { Learnt::LastAnswer } else { Learnt::EveryAnswer };
        RowOptions { block_size, too_long, learnt }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_false(setting: &bool) -> bool {
    !setting
}
