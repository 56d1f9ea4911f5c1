//! The learning rate: linear warm-up, then a cosine.

use std::f64::consts::PI;

use burn::lr_scheduler::{LrScheduler, LrSchedulerRecord};

use crate::config::ScheduleConfig;

/// The learning rate as a function of the step, counted from 0.
///
/// It rises linearly from `peak / warmup_steps` and reaches the peak at the last warm-up step; then
/// half a cosine leads down to `final_ratio * peak` at the last step ([Loshchilov and Hutter,
/// 2017](https://arxiv.org/abs/1608.03983), without restarts). burn's own linear scheduler cannot
/// start at zero and its cosine rises again after its end.
#[derive(Clone, Debug)]
pub struct WarmupCosine {
    config: ScheduleConfig,
    total_steps: usize,
    steps_taken: usize,
}

impl WarmupCosine {
    /// The schedule for a run of `total_steps`.
    pub fn new(config: ScheduleConfig, total_steps: usize) -> Self {
        Self { config, total_steps, steps_taken: 0 }
    }

    /// The learning rate of `step`.
    pub fn learning_rate(&self, step: usize) -> f64 {
        let ScheduleConfig { learning_rate: peak, warmup_steps, final_ratio } = self.config;
        if step < warmup_steps {
            return peak * (step + 1) as f64 / warmup_steps as f64;
        }
        let last = self.total_steps.saturating_sub(1);
        let decay_steps = last.saturating_sub(warmup_steps).max(1);
        let progress = ((step - warmup_steps) as f64 / decay_steps as f64).min(1.0);
        let floor = peak * final_ratio;
        floor + (peak - floor) * 0.5 * (1.0 + (PI * progress).cos())
    }
}

impl LrScheduler for WarmupCosine {
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

    fn article(total_steps: usize) -> WarmupCosine {
        let config = ScheduleConfig { learning_rate: 3e-4, warmup_steps: 1000, final_ratio: 0.1 };
        WarmupCosine::new(config, total_steps)
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
