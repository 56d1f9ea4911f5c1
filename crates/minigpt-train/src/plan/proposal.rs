//! A model and a recipe for a budget of parameters, memory or time.

mod recipe;
mod shapes;
mod speed;

use minigpt_model::GptConfig;
use serde::Serialize;

use crate::config::RunConfig;
use crate::error::TrainError;
use crate::plan::cost::{MemoryEstimate, operations_per_token};
use crate::plan::workload::Workload;

pub use recipe::vocab_size_of;

/// Tokens per parameter for which a given amount of work gives the lowest loss ([Hoffmann et al.,
/// 2022](https://arxiv.org/abs/2203.15556), table 3).
pub const TOKENS_PER_PARAMETER: f64 = 20.0;

/// Passes over a text after which more of them teach little ([Muennighoff et al.,
/// 2023](https://arxiv.org/abs/2305.16264)).
pub const USEFUL_PASSES: f64 = 4.0;

/// What a run may cost; at least one of the three.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Budget {
    /// Parameters that the model shall have.
    pub parameters: Option<u64>,
    /// Bytes of memory at the peak of training.
    pub memory: Option<u64>,
    /// Seconds of training and of its validations.
    pub seconds: Option<f64>,
}

/// A model and a recipe for a [`Budget`], and what they cost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Proposal {
    /// The model.
    pub model: GptConfig,
    /// Its parameters.
    pub parameters: usize,
    /// Windows in a step.
    pub batch_size: usize,
    /// Parts that they go through the model in.
    pub accumulation: usize,
    /// Whether blocks are computed again in the backward pass.
    pub gradient_checkpointing: bool,
    /// Steps of the run.
    pub steps: usize,
    /// Validations in it, the last at its end.
    pub validations: usize,
    /// Probability that a value is dropped.
    pub dropout: f64,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Steps up to it.
    pub warmup_steps: usize,
    /// Tokens that the run sees.
    pub tokens: u64,
    /// Tokens that suit the model's size best.
    pub optimal_tokens: u64,
    /// Passes over the training text that they are.
    pub passes: f64,
    /// Estimate of the memory at its peak, in bytes.
    pub memory: u64,
    /// Floating-point operations of all steps and validations.
    pub operations: f64,
    /// How many of them were done in a second when it was measured.
    pub operations_per_second: f64,
    /// Seconds of all steps and validations.
    pub seconds: f64,
}

/// The windows that go through the model at once.
#[derive(Clone, Copy, Debug, PartialEq)]
struct MicroBatch {
    windows: usize,
    by_block: bool,
}

impl Proposal {
    /// The model that is given, or the largest that the budget allows, trained for as many tokens as suit it, or
    /// as there is time for. Training steps of it are timed, of fewer layers where they would take long;
    /// `measuring` hears of each model that is.
    ///
    /// # Errors
    /// Before anything is measured [`TrainError::Data`] where a text is too short for one window and
    /// [`TrainError::TooLittleMemory`]; [`TrainError::Budget`] where no model is of that size,
    /// [`TrainError::Model`] where vocabulary and positions alone are too many.
    pub fn new(
        budget: Budget,
        workload: &Workload<'_>,
        mut measuring: impl FnMut(&GptConfig),
    ) -> Result<Self, TrainError> {
        workload.check_texts()?;
        workload.least().validate()?;
        let limit = budget.memory.unwrap_or(u64::MAX);
        let given = match (workload.model, budget.parameters) {
            (Some(model), _) => Some(workload.given(model)?),
            (None, Some(parameters)) => Some(workload.nearest(parameters)?),
            (None, None) => None,
        };
        if let Some(model) = given {
            let micro_batch = workload.micro_batch(&model, limit);
            let micro_batch = micro_batch.ok_or_else(|| workload.too_little(&model, limit))?;
            measuring(&model);
            let speed = workload.speed(&model, micro_batch)?;
            let optimal = (TOKENS_PER_PARAMETER * model.parameter_counts().total() as f64) as u64;
            return Ok(Self::of(model, micro_batch, speed, budget.seconds, optimal, workload));
        }
        // The speed of a small model finds the size, that of the size found corrects it.
        let first = budget.seconds.map(|_| 1e12);
        let (mut model, mut micro_batch) = workload.largest(limit, first)?;
        measuring(&model);
        let mut speed = workload.speed(&model, micro_batch)?;
        let mut most = (TOKENS_PER_PARAMETER * model.parameter_counts().total() as f64) as u64;
        if let Some(seconds) = budget.seconds {
            for _ in 0..2 {
                let (next, next_micro_batch) = workload.largest(limit, Some(seconds * speed))?;
                if next == model {
                    break;
                }
                (model, micro_batch) = (next, next_micro_batch);
                measuring(&model);
                speed = workload.speed(&model, micro_batch)?;
            }
            most = workload.most_tokens();
        }
        Ok(Self::of(model, micro_batch, speed, budget.seconds, most, workload))
    }

    /// Trained on `most` tokens, or on as many as there is time for.
    fn of(
        model: GptConfig,
        micro_batch: MicroBatch,
        operations_per_second: f64,
        seconds: Option<f64>,
        most: u64,
        workload: &Workload<'_>,
    ) -> Self {
        let parameters = model.parameter_counts().total();
        let tokens_per_second = operations_per_second / operations_per_token(&model);
        // Forward alone, which is a third of the work.
        let validated = workload.valid_tokens as f64 / 3.0;
        let validations = recipe::validations(seconds, validated / tokens_per_second);
        let affordable = seconds.map_or(u64::MAX, |seconds| {
            (seconds * tokens_per_second - validations as f64 * validated).max(0.0) as u64
        });
        let wanted = most.min(affordable);
        let batch_size = recipe::batch_size(&model, wanted);
        let windows = micro_batch.windows.min(batch_size);
        let per_step = (batch_size * model.block_size) as u64;
        let steps = (wanted / per_step).max(1) as usize;
        // As many as there are once so many steps are between them.
        let validations = steps.div_ceil(steps.div_ceil(validations));
        let tokens = steps as u64 * per_step;
        let read = tokens as f64 + validations as f64 * validated;
        let operations = read * operations_per_token(&model);
        let passes = tokens as f64 / workload.train_tokens as f64;
        let memory = workload.memory(&model, MicroBatch { windows, ..micro_batch });
        Self {
            parameters,
            batch_size,
            accumulation: batch_size / windows,
            gradient_checkpointing: micro_batch.by_block,
            steps,
            validations,
            dropout: recipe::dropout(passes),
            learning_rate: recipe::learning_rate(&model, workload.recipe),
            warmup_steps: recipe::warmup_steps(steps),
            tokens,
            optimal_tokens: (TOKENS_PER_PARAMETER * parameters as f64) as u64,
            passes,
            memory,
            operations,
            operations_per_second,
            seconds: operations / operations_per_second,
            model,
        }
    }

    /// Steps between its validations.
    #[must_use]
    pub fn eval_every(&self) -> usize {
        self.steps.div_ceil(self.validations)
    }

    /// The configuration that it changes, with the proposed model and recipe.
    #[must_use]
    pub fn applied_to(&self, mut config: RunConfig) -> RunConfig {
        config.model = self.model.clone().with_dropout(self.dropout);
        config.schedule.learning_rate = self.learning_rate;
        config.schedule.warmup_steps = self.warmup_steps;
        let training = &mut config.training;
        training.batch_size = self.batch_size;
        training.accumulation = self.accumulation;
        training.gradient_checkpointing = self.gradient_checkpointing;
        training.max_steps = Some(self.steps);
        training.eval_every = Some(self.eval_every());
        config
    }
}

impl Workload<'_> {
    /// The estimate of the memory at its peak, in bytes.
    fn memory(&self, model: &GptConfig, micro_batch: MicroBatch) -> u64 {
        let MicroBatch { windows, by_block } = micro_batch;
        let precision = self.recipe.training.precision;
        let estimate = match by_block {
            true => MemoryEstimate::by_block(model, windows, precision, self.device),
            false => MemoryEstimate::new(model, windows, precision, self.device),
        };
        estimate.total()
    }
}

#[cfg(test)]
mod tests;
