//! The learning rate of a run that goes on.
//!
//! A rate that is constant, or has not begun to fall, is the one that a longer run has ([Hägele et al.,
//! 2024](https://arxiv.org/abs/2405.18392)). One that has fallen rises again from where it is, over a
//! warm-up, to its peak, and falls as before ([Ibrahim et al., 2024](https://arxiv.org/abs/2403.08763)).

use serde::Serialize;

use crate::config::continued::Restart;
use crate::config::{Decay, ScheduleConfig};
use crate::optim::schedule::Schedule;
use crate::run::row::{Row, RowSplit};

/// At most the first such part of the steps is a warm-up, unless it is told.
const WARMUP: usize = 10;

/// How the learning rate of a run that goes on moves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rates {
    /// Whether all are those of a run that was planned so from the start.
    pub as_planned: bool,
    /// The rate of the last step before, 0 where there is none.
    pub before: f64,
    /// The rate after the warm-up, or at the end of one that is longer than the rest.
    pub peak: f64,
    /// Steps until it is there.
    pub warmup_steps: usize,
    /// How it falls.
    pub decay: Decay,
    /// The step after which the rate falls, for schedules where it does.
    pub falls_after: Option<usize>,
    /// The rate of the last step.
    pub last: f64,
}

/// Where a run goes on: after so many steps, the last of them with this rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Seam {
    pub(super) step: usize,
    pub(super) rate: f64,
}

impl Seam {
    /// After `step` steps of a run with the schedule `old`. Its `rows` know better what was before it went on itself.
    pub(super) fn new(old: &Schedule, rows: &[Row], step: usize) -> Self {
        let row = rows.iter().rfind(|row| row.split == RowSplit::Train && row.step == step);
        let planned = || step.checked_sub(1).map_or(0.0, |last| old.learning_rate(last));
        let rate = row.and_then(|row| row.learning_rate).unwrap_or_else(planned);
        Self { step, rate }
    }
}

impl Rates {
    /// Those of `schedule` after the seam.
    pub(super) fn new(
        schedule: &ScheduleConfig,
        as_planned: bool,
        seam: Seam,
        total_steps: usize,
    ) -> Self {
        let new = Schedule::new(schedule.clone(), total_steps);
        let start = schedule.restart.map_or(0, |restart| restart.step);
        let last = new.learning_rate(total_steps.saturating_sub(1));
        let left = total_steps.saturating_sub(seam.step);
        let warmup_steps = start.saturating_add(schedule.warmup_steps).saturating_sub(seam.step);
        Self {
            as_planned,
            before: seam.rate,
            peak: if warmup_steps < left { schedule.learning_rate } else { last },
            warmup_steps: warmup_steps.min(left),
            decay: schedule.decay,
            falls_after: Some(new.steps_before_fall()).filter(|steps| *steps < total_steps),
            last,
        }
    }
}

/// The schedule of a run of `total_steps` that goes on after a run with the schedule `old`, whose settings
/// are `original`; `wanted` is the same with what shall be changed. With it, whether its rates are those of a run
/// that was planned so from the start.
pub(super) fn schedule(
    old: &Schedule,
    original: &ScheduleConfig,
    wanted: ScheduleConfig,
    seam: Seam,
    total_steps: usize,
) -> (ScheduleConfig, bool) {
    let Seam { step, rate } = seam;
    let as_planned = falling_after(wanted.clone(), step, total_steps);
    let new = Schedule::new(as_planned.clone(), total_steps);
    let has_fallen = step > old.steps_before_fall() || step > new.steps_before_fall();
    let is_before_restart = original.restart.is_some_and(|restart| step < restart.step);
    let is_as_planned = !has_fallen && !is_before_restart && rises_alike(original, &wanted);
    if is_as_planned {
        return (as_planned, true);
    }
    let warmup_steps = match wanted.warmup_steps == original.warmup_steps {
        true if wanted.learning_rate == rate => 0,
        true => wanted.warmup_steps.min((total_steps - step) / WARMUP).max(1),
        false => wanted.warmup_steps,
    };
    let restart = Some(Restart { step, learning_rate: rate });
    (ScheduleConfig { warmup_steps, restart, ..wanted }, false)
}

/// Whether two schedules have the same way up.
pub(super) fn rises_alike(one: &ScheduleConfig, other: &ScheduleConfig) -> bool {
    let way = |schedule: &ScheduleConfig| (schedule.learning_rate, schedule.warmup_steps);
    way(one) == way(other)
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
