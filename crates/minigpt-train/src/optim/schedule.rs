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
pub struct Schedule {
    config: ScheduleConfig,
    total_steps: usize,
    steps_taken: usize,
}

impl Schedule {
    /// The schedule for a run of `total_steps`.
    pub fn new(config: ScheduleConfig, total_steps: usize) -> Self {
        Self { config, total_steps, steps_taken: 0 }
    }

    /// The learning rate of `step`.
    pub fn learning_rate(&self, step: usize) -> f64 {
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
mod tests {
    use super::*;

    fn article(total_steps: usize) -> Schedule {
        Schedule::new(ScheduleConfig::cosine(3e-4, 1000), total_steps)
    }

    #[track_caller]
    fn close(actual: f64, expected: f64) {
        assert!((actual - expected).abs() < 1e-12, "{actual} is not {expected}");
    }

    #[test]
    fn it_rises_to_the_peak_and_ends_at_a_tenth() {
        let schedule = article(5001);
        close(schedule.learning_rate(0), 3e-7);
        close(schedule.learning_rate(999), 3e-4);
        close(schedule.learning_rate(1000), 3e-4);
        close(schedule.learning_rate(3000), 1.65e-4);
        close(schedule.learning_rate(5000), 3e-5);
        close(schedule.learning_rate(9000), 3e-5);
    }

    #[test]
    fn every_decay_starts_at_the_peak_and_takes_its_own_way() {
        let at = |decay: Decay, step: usize| {
            let config = ScheduleConfig { decay, ..ScheduleConfig::cosine(1.0, 10) };
            Schedule::new(config, 101).learning_rate(step)
        };
        for decay in [Decay::Cosine, Decay::Linear, Decay::Constant, Decay::Stable] {
            close(at(decay, 4), 0.5);
            close(at(decay, 10), 1.0);
        }
        close(at(Decay::Linear, 55), 0.55);
        close(at(Decay::Linear, 100), 0.1);
        close(at(Decay::Constant, 100), 1.0);
        close(at(Decay::Stable, 80), 1.0);
        close(at(Decay::Stable, 90), 0.55);
        close(at(Decay::Stable, 100), 0.1);
    }

    #[test]
    fn a_run_shorter_than_the_warm_up_only_rises() {
        let schedule = article(300);
        close(schedule.learning_rate(299), 9e-5);
    }

    #[test]
    fn its_record_restores_the_position() {
        let mut schedule = article(5001);
        for _ in 0..1234 {
            schedule.step();
        }
        let mut restored = article(5001);
        restored.load_record(schedule.to_record());
        assert_eq!(restored.step(), schedule.step());
    }
}
