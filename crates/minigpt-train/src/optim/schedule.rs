//! The learning rate: linear warm-up, then one of several ways down.

use std::f64::consts::PI;

use burn::lr_scheduler::{LrScheduler, LrSchedulerRecord};

use crate::config::{Decay, ScheduleConfig};

/// The learning rate as a function of the step, counted from 0.
///
/// It rises linearly from `peak / warmup_steps` and reaches the peak at the last warm-up step; from
/// there [`Decay`] leads down to `final_ratio * peak` at the last step: half a cosine ([Loshchilov
/// and Hutter, 2017](https://arxiv.org/abs/1608.03983), without restarts), a line, nothing, or a
/// line over the last steps alone. burn's own linear scheduler cannot start at zero and its cosine
/// rises again after its end.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    config: ScheduleConfig,
    total_steps: usize,
    steps_taken: usize,
}

impl Schedule {
    /// The schedule for a run of `total_steps`.
    pub(crate) fn new(config: ScheduleConfig, total_steps: usize) -> Self {
        Self { config, total_steps, steps_taken: 0 }
    }

    /// The learning rate of `step`.
    pub(crate) fn learning_rate(&self, step: usize) -> f64 {
        let ScheduleConfig { learning_rate: peak, warmup_steps, final_ratio, .. } = self.config;
        if step < warmup_steps {
            return peak * (step + 1) as f64 / warmup_steps as f64;
        }
        let floor = peak * final_ratio;
        floor + (peak - floor) * self.remaining(step)
    }

    /// How much of the way down is left, from 1 to 0.
    fn remaining(&self, step: usize) -> f64 {
        let last = self.total_steps.saturating_sub(1);
        let falls = |from: usize| {
            let steps = last.saturating_sub(from).max(1);
            1.0 - (step.saturating_sub(from) as f64 / steps as f64).min(1.0)
        };
        let warmup_steps = self.config.warmup_steps;
        match self.config.decay {
            Decay::Cosine => 0.5 * (1.0 - (PI * falls(warmup_steps)).cos()),
            Decay::Linear => falls(warmup_steps),
            Decay::Constant => 1.0,
            Decay::Stable => {
                let decay_steps = (self.total_steps as f64 * self.config.decay_ratio) as usize;
                falls(warmup_steps.max(last.saturating_sub(decay_steps)))
            }
        }
    }
}

impl LrScheduler for Schedule {
    fn step(&mut self) -> f64 {
        self.steps_taken += 1;
        self.learning_rate(self.steps_taken - 1)
    }

    fn to_record(&self) -> LrSchedulerRecord {
        LrSchedulerRecord::new().with_scalar("steps_taken", self.steps_taken as u64)
    }

    fn load_record(&mut self, record: LrSchedulerRecord) {
        if let Some(steps_taken) = record.scalar::<u64>("steps_taken") {
            self.steps_taken = steps_taken as usize;
        }
    }
}

#[cfg(test)]
mod tests;
