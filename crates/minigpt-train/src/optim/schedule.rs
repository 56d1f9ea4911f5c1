//! The learning rate: linear warm-up, then one of several ways down.

use std::f64::consts::PI;

use burn::lr_scheduler::{LrScheduler, LrSchedulerRecord};

use crate::config::continued::Restart;
use crate::config::{Decay, ScheduleConfig};

/// The learning rate as a function of the step, counted from 0.
///
/// It rises linearly from `peak / warmup_steps` and reaches the peak at the last warm-up step; from
/// there [`Decay`] leads down to `final_ratio * peak` at the last step: half a cosine ([Loshchilov
/// and Hutter, 2017](https://arxiv.org/abs/1608.03983), without restarts), a line, nothing, or a
/// line over the last steps alone. burn's own linear scheduler cannot start at zero and its cosine
/// rises again after its end. Of a run that goes on after its rate had fallen all this counts from
/// the [`Restart`], and the warm-up leads from the rate there.
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
        let Restart { step: start, learning_rate: before } = self.restart();
        let step = step.saturating_sub(start);
        if step < warmup_steps {
            return before + (peak - before) * (step + 1) as f64 / warmup_steps as f64;
        }
        let floor = peak * final_ratio;
        floor + (peak - floor) * self.remaining(step)
    }

    /// The steps whose rates are the same however long the run is: those before the rate falls. A run
    /// that goes on from one of them is a run that was planned so from the start.
    pub(crate) fn steps_before_fall(&self) -> usize {
        let steps = match self.config.decay {
            _ if self.config.final_ratio >= 1.0 => return usize::MAX,
            Decay::Constant => return usize::MAX,
            Decay::Cosine | Decay::Linear => self.config.warmup_steps,
            Decay::Stable => self.start_of_fall(),
        };
        // The rate of the step from which it falls is the peak still.
        self.restart().step.saturating_add(steps).saturating_add(1)
    }

    /// The steps after which a [`Stable`](Decay::Stable) rate begins to fall: their checkpoint is the one
    /// that longer runs go on from.
    pub(crate) fn branch_point(&self) -> Option<usize> {
        let steps = self.steps_before_fall();
        (self.config.decay == Decay::Stable && steps < self.total_steps).then_some(steps)
    }

    /// The beginning, as a restart from nothing.
    fn restart(&self) -> Restart {
        self.config.restart.unwrap_or(Restart { step: 0, learning_rate: 0.0 })
    }

    /// The last step since the restart.
    fn last(&self) -> usize {
        self.total_steps.saturating_sub(self.restart().step).saturating_sub(1)
    }

    /// The step from which a [`Stable`](Decay::Stable) rate falls.
    fn start_of_fall(&self) -> usize {
        let steps = self.total_steps.saturating_sub(self.restart().step);
        let decay_steps = (steps as f64 * self.config.decay_ratio) as usize;
        self.config.warmup_steps.max(self.last().saturating_sub(decay_steps))
    }

    /// How much of the way down is left, from 1 to 0, `step` steps after the restart.
    fn remaining(&self, step: usize) -> f64 {
        let last = self.last();
        let falls = |from: usize| {
            let steps = last.saturating_sub(from).max(1);
            1.0 - (step.saturating_sub(from) as f64 / steps as f64).min(1.0)
        };
        let warmup_steps = self.config.warmup_steps;
        match self.config.decay {
            Decay::Cosine => 0.5 * (1.0 - (PI * falls(warmup_steps)).cos()),
            Decay::Linear => falls(warmup_steps),
            Decay::Constant => 1.0,
            Decay::Stable => falls(self.start_of_fall()),
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
