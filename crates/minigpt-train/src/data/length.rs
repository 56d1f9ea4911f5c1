//! How long a run is.

use serde::Serialize;

use crate::config::{MAX_STEPS, RunConfig};
use crate::data::tokens::TokenData;
use crate::error::TrainError;

/// How long a run is, in optimiser steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Length {
    /// Steps in one pass over the training text.
    pub steps_per_pass: usize,
    /// Steps of the run.
    pub total_steps: usize,
    /// Steps between validations.
    pub eval_every: usize,
    /// Steps between additional checkpoints; each validation saves one too.
    pub save_every: Option<usize>,
}

impl Length {
    /// The length of a run with these data.
    ///
    /// # Errors
    /// As [`RunConfig::validate`]; [`TrainError::Setting`] for more steps than a run can have, and
    /// [`TrainError::Data`] where a split is too small for one window.
    pub(crate) fn new(config: &RunConfig, data: &TokenData) -> Result<Self, TrainError> {
        config.validate()?;
        let (block_size, batch_size) = (config.window(), config.training.batch_size);
        data.valid.batches(block_size, batch_size)?;
        let steps_per_pass = data.train.steps_per_pass(block_size, batch_size)?;
        let whole_passes = steps_per_pass.saturating_mul(config.training.epochs);
        let total_steps = config.training.max_steps.unwrap_or(whole_passes);
        if total_steps > MAX_STEPS {
            let expected = "passes of at most 4294967295 steps together";
            return Err(TrainError::Setting { field: "training.epochs", expected });
        }
        let eval_every = config.training.eval_every.unwrap_or(steps_per_pass);
        let save_every = config.training.save_every;
        Ok(Self { steps_per_pass, total_steps, eval_every, save_every })
    }

    /// True where a validation follows `step`, counted from 1.
    pub(crate) fn is_due(&self, step: usize) -> bool {
        step.is_multiple_of(self.eval_every) || step == self.total_steps
    }

    /// True where a checkpoint follows `step`, besides those of the validations.
    pub(crate) fn saves(&self, step: usize) -> bool {
        self.save_every.is_some_and(|every| step.is_multiple_of(every))
    }

    /// Passes over the training text after `step` steps.
    pub(crate) fn passes(&self, step: usize) -> f64 {
        step as f64 / self.steps_per_pass as f64
    }
}
