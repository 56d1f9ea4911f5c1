//! A run that goes on after another's end: from which checkpoint, by which learning rates, for how long.
//!
//! It is a run of its own, with the other's history, and the other stays as it is. Where the checkpoint stands
//! before the learning rate fell, it is, to the bit on a CPU, the run that would have been planned so from the
//! start. Where the rate had fallen already, it rises again.

mod change;
mod rates;

use serde::Serialize;

use super::trainer::{Trainer, check_same, checkpoint_to_resume, manifest};
use crate::config::continued::Origin;
use crate::config::{MAX_STEPS, RunConfig};
use crate::data::length::Length;
use crate::data::tokens::TokenData;
use crate::error::TrainError;
use crate::optim::schedule::Schedule;
use crate::run::checkpoint::{CheckpointManifest, OnDamage};
use crate::run::metrics::read_rows;
use crate::run::row::Row;
use crate::run::summary::Summary;
use crate::run::{Environment, RunFolder};

pub use self::rates::Rates;
use self::rates::Seam;

/// By how much a run is made longer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum More {
    /// So many steps.
    Steps(usize),
    /// So many passes over the training text.
    Epochs(usize),
    /// As many steps as it took in so many minutes, its validations included.
    Minutes(f64),
}

impl More {
    /// Steps, of which a pass has so many and one takes `pace` seconds; unknown where that is.
    fn steps(self, steps_per_pass: usize, pace: Option<f64>) -> Option<usize> {
        match self {
            Self::Steps(steps) => Some(steps),
            Self::Epochs(passes) => Some(passes.saturating_mul(steps_per_pass)),
            Self::Minutes(minutes) => Some((minutes * 60.0 / pace?).ceil() as usize),
        }
    }
}

/// How a run goes on after its end.
#[derive(Clone, Debug, Serialize)]
pub struct Continuation {
    /// The folder of the run that is continued.
    pub run: String,
    /// The steps after which it ended, or those of the checkpoint that was named.
    pub after: usize,
    /// The steps of the checkpoint that it goes on from.
    pub from_step: usize,
    /// The steps that it will have taken at its end.
    pub total_steps: usize,
    /// How the learning rate moves.
    pub rates: Rates,
    /// How long the steps will take at the pace of those before, where that is known.
    pub seconds: Option<f64>,
    #[serde(skip)]
    other: RunFolder,
    #[serde(skip)]
    config: RunConfig,
    #[serde(skip)]
    set: CheckpointManifest,
}

impl Continuation {
    /// Plans how `run` continues for `more` after its end. It starts from the last checkpoint; under a stable schedule
    /// from the last one before the decay. With `from_step` it starts from that checkpoint, for `more` after it.
    /// `config` is the run's own with changes; `damaged` is called for checkpoints and rows that cannot be used.
    ///
    /// # Errors
    /// [`TrainError::NotEnded`] of a run that can be resumed, [`TrainError::KeptSetting`] where `config`
    /// differs in what must stay, [`TrainError::OtherData`] or [`TrainError::OtherTokenizer`] where `data` are
    /// not the run's, [`TrainError::NoCheckpointOfStep`], [`TrainError::Pruned`] of a checkpoint without moments,
    /// [`TrainError::NoPace`], [`TrainError::TooManySteps`], or as [`RunConfig::validate`].
    pub fn new(
        run: RunFolder,
        config: RunConfig,
        data: &TokenData,
        more: More,
        from_step: Option<usize>,
        damaged: OnDamage<'_>,
    ) -> Result<Self, TrainError> {
        let original = run.config()?;
        change::check(&original, &config)?;
        run.tokenizer_file()?;
        let length = Length::new(&original, data)?;
        let old = Schedule::new(original.schedule.clone(), length.total_steps);
        let (after, set) = match from_step {
            Some(step) => (step, run.set_of_step(step)?),
            None => {
                let after = end_of(&run, &original, data, damaged)?;
                // Of another kind of schedule, or to another peak, it goes on from its end.
                let is_same = original.schedule.decay == config.schedule.decay
                    && rates::rises_alike(&original.schedule, &config.schedule);
                let before_fall = old.branch_point().filter(|step| is_same && *step < after);
                (after, last_set(&run, &original, before_fall, after, damaged)?)
            }
        };
        if !set.has_optimizer() {
            return Err(TrainError::Pruned { path: run.checkpoints().set(set.step) });
        }
        check_same(&set, &manifest(&original, data)?, run.path(), &run.checkpoints())?;

        if let Some(error) = run.unreadable_rows() {
            damaged(error);
        }
        let rows = rows_until(&run, set.step);
        let pace = pace(&rows);
        let seam = Seam::new(&old, &rows, set.step);
        let no_pace = || TrainError::NoPace { path: run.metrics_path() };
        let steps = more.steps(length.steps_per_pass, pace).ok_or_else(no_pace)?;
        let total_steps = after.saturating_add(steps.max(1));
        if total_steps > MAX_STEPS {
            return Err(TrainError::TooManySteps { after, most: MAX_STEPS });
        }
        let mut config = config;
        let (schedule, as_planned) =
            rates::schedule(&old, &original.schedule, config.schedule, seam, total_steps);
        config.schedule = schedule;
        lengthen(&mut config, more, after == length.total_steps, total_steps);
        let name = run.path().display().to_string();
        config.continued.retain(|origin| origin.step < set.step);
        config.continued.push(Origin { run: name.clone(), step: set.step });
        Length::new(&config, data)?;
        Ok(Self {
            after,
            from_step: set.step,
            total_steps,
            rates: Rates::new(&config.schedule, as_planned, seam, total_steps),
            seconds: pace.map(|pace| pace * (total_steps - set.step) as f64),
            run: name,
            other: run,
            config,
            set,
        })
    }

    /// The configuration of the run that goes on.
    #[must_use]
    pub fn config(&self) -> &RunConfig {
        &self.config
    }

    /// The run that is continued.
    pub(crate) fn other(&self) -> &RunFolder {
        &self.other
    }

    /// The name that the run's folder is made of: the other's, without the number that a run has which goes on
    /// itself.
    #[must_use]
    pub fn base_name(&self) -> String {
        let name = self.other.name();
        let numbered = name.rsplit_once('-').filter(|(_, number)| number.parse::<u32>().is_ok());
        match numbered {
            Some((base, _)) if self.config.continued.len() > 1 && !base.is_empty() => {
                base.to_owned()
            }
            _ => name,
        }
    }
}

impl Trainer<'_> {
    /// Goes on after another run's end, and leaves everything in a new run folder, the history before it
    /// too. Interrupted, it is resumed like any run.
    ///
    /// # Errors
    /// [`TrainError`]: as [`resume`](Self::resume), and [`TrainError::RunExists`].
    pub fn go_on(
        self,
        continuation: &Continuation,
        environment: &Environment,
    ) -> Result<Summary, TrainError> {
        let (run, _lock) = RunFolder::create(self.folder)?;
        let Continuation { other, config, set, .. } = continuation;
        run.write_branch(other, set, config, environment).inspect_err(|_| run.forget_branch())?;
        self.resume_locked(run)
    }
}

/// The steps after which a run ended.
fn end_of(
    run: &RunFolder,
    config: &RunConfig,
    data: &TokenData,
    damaged: OnDamage<'_>,
) -> Result<usize, TrainError> {
    let total = Length::new(config, data)?.total_steps;
    match checkpoint_to_resume(run, config, data, damaged) {
        Err(TrainError::Complete { steps, .. } | TrainError::OutOfPatience { steps, .. }) => {
            Ok(steps)
        }
        Err(error) => Err(error),
        Ok(set) => {
            let steps = set.map_or(0, |set| set.step);
            Err(TrainError::NotEnded { path: run.path().to_owned(), steps, total })
        }
    }
}

/// The newest checkpoint up to `before_fall` that is not from before the rate rose, or else the one of the run's end.
fn last_set(
    run: &RunFolder,
    config: &RunConfig,
    before_fall: Option<usize>,
    end: usize,
    damaged: OnDamage<'_>,
) -> Result<CheckpointManifest, TrainError> {
    let sets = run.checkpoints();
    let rise = config.schedule.restart.map_or(0, |restart| restart.step);
    let newest = before_fall.map(|step| sets.newest_until(step, damaged)).transpose()?;
    let newest = newest.flatten().filter(|set| set.step >= rise);
    newest.map_or_else(|| sets.intact(end), Ok)
}

/// The rows up to `step`, as far as they can be read.
fn rows_until(run: &RunFolder, step: usize) -> Vec<Row> {
    let (mut rows, _) = read_rows(&run.metrics_path()).unwrap_or_default();
    rows.retain(|row| row.step <= step);
    rows
}

/// Seconds of a year.
const YEAR: f64 = 365.0 * 86_400.0;

/// Seconds that a step has taken, validations included.
fn pace(rows: &[Row]) -> Option<f64> {
    let (first, last) = (rows.first()?, rows.last()?);
    let steps = last.step.checked_sub(first.step).filter(|steps| *steps > 0)?;
    let pace = (last.seconds - first.seconds) / steps as f64;
    // More than a year for a step is no pace, but what a damaged row says.
    Some(pace).filter(|pace| *pace > 0.0 && *pace < YEAR)
}

/// Makes the run as long as it shall be: in passes where it was in passes, in steps elsewhere.
fn lengthen(config: &mut RunConfig, more: More, is_of_end: bool, total_steps: usize) {
    match (more, config.training.max_steps) {
        (More::Epochs(passes), None) if is_of_end => {
            config.training.epochs = config.training.epochs.saturating_add(passes);
        }
        _ => config.training.max_steps = Some(total_steps),
    }
}

#[cfg(test)]
mod tests;
