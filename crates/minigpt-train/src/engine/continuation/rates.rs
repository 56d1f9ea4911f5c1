//! The learning rate of a run that goes on.
//!
//! A rate that is constant, or has not begun to fall, is the one that a longer run has ([Hägele et al.,
//! 2024](https://arxiv.org/abs/2405.18392)). One that has fallen rises again from where it is, over a
//! warm-up, to a part of its peak, and falls as before ([Ibrahim et al.,
//! 2024](https://arxiv.org/abs/2403.08763)).

use serde::Serialize;

use super::change::keeps_rates;
use crate::config::continued::Restart;
use crate::config::{Decay, ScheduleConfig};
use crate::optim::schedule::Schedule;

/// To what part of its peak a rate that has fallen rises again, unless it is told.
const REWARMED: f64 = 0.5;

/// At most the first such part of the steps is a warm-up, unless it is told.
const WARMUP: usize = 10;

/// How the learning rate of a run that goes on moves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rates {
    /// Whether all are those of a run that was planned so from the start.
    pub as_planned: bool,
    /// The rate of the last step before, 0 where there is none.
    pub before: f64,
    /// The highest, which a rate that has fallen rises to.
    pub peak: f64,
    /// Steps until it is there.
    pub warmup_steps: usize,
    /// How it falls.
    pub decay: Decay,
    /// The steps of the run after which it falls, where it does.
    pub falls_after: Option<usize>,
    /// The rate of the last step.
    pub last: f64,
}

impl Rates {
    /// Those of `schedule` from `step` on, in a run that had `old`.
    pub(super) fn new(
        old: &Schedule,
        schedule: &ScheduleConfig,
        step: usize,
        total_steps: usize,
    ) -> Self {
        let new = Schedule::new(schedule.clone(), total_steps);
        let as_planned = schedule.restart.is_none_or(|restart| restart.step != step);
        Self {
            as_planned,
            before: step.checked_sub(1).map_or(0.0, |last| old.learning_rate(last)),
            peak: schedule.learning_rate,
            warmup_steps: if as_planned { 0 } else { schedule.warmup_steps },
            decay: schedule.decay,
            falls_after: Some(new.steps_before_fall()).filter(|steps| *steps < total_steps),
            last: new.learning_rate(total_steps.saturating_sub(1)),
        }
    }
}

/// The schedule of a run of `total_steps` that goes on after `step` steps by the schedule `old`, whose
/// settings are `original`; `wanted` is the same with what shall be changed.
pub(super) fn schedule(
    old: &Schedule,
    original: &ScheduleConfig,
    wanted: ScheduleConfig,
    step: usize,
    total_steps: usize,
) -> ScheduleConfig {
    let as_planned = falling_after(wanted.clone(), step, total_steps);
    let new = Schedule::new(as_planned.clone(), total_steps);
    let has_fallen = step > old.steps_before_fall() || step > new.steps_before_fall();
    let is_rising_alike =
        keeps_rates(original, &ScheduleConfig { decay: original.decay, ..wanted.clone() });
    if is_rising_alike && !has_fallen {
        return as_planned;
    }
    let before = step.checked_sub(1).map_or(0.0, |last| old.learning_rate(last));
    let peak = match wanted.learning_rate == original.learning_rate {
        true => before.max(REWARMED * original.learning_rate),
        false => wanted.learning_rate,
    };
    let warmup_steps = match wanted.warmup_steps == original.warmup_steps {
        true if peak == before => 0,
        true => wanted.warmup_steps.min((total_steps - step) / WARMUP).max(1),
        false => wanted.warmup_steps,
    };
    let restart = Some(Restart { step, learning_rate: before });
    ScheduleConfig { learning_rate: peak, warmup_steps, restart, ..wanted }
}

/// A stable rate does not fall before `step`, up to which it was at its peak: a short branch falls all its way.
fn falling_after(schedule: ScheduleConfig, step: usize, total_steps: usize) -> ScheduleConfig {
    let start = schedule.restart.map_or(0, |restart| restart.step);
    let left = total_steps.saturating_sub(step) as f64;
    let all = total_steps.saturating_sub(start).max(1) as f64;
    match schedule.decay {
        Decay::Stable => {
            ScheduleConfig { decay_ratio: schedule.decay_ratio.min(left / all), ..schedule }
        }
        _ => schedule,
    }
}
