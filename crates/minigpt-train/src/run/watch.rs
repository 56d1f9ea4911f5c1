//! A run as others see it, while it trains and afterwards. Nothing here changes a file.

use std::fmt;
use std::fs::TryLockError;
use std::io::ErrorKind;
use std::path::Path;

use minigpt_files::Limit;
use serde::Serialize;

use super::{LOCK_FILE, RunFolder, SAMPLE_HEADING};
use crate::config::RunConfig;
use crate::error::TrainError;
use crate::run::metrics::read_last_rows;
use crate::run::row::{Row, RowSplit};
use crate::run::summary::ValidationFigures;

/// A run of some thousand samples has a few megabytes.
const SAMPLES: Limit = Limit::new(32 << 20, "samples that are looked at");

/// Whether a run trains now, is complete, or was interrupted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// A process trains in the folder now.
    Training,
    /// It came to its end: all steps, or its patience. Nothing is left to resume.
    Finished,
    /// It was stopped, its process ended, or its time was over before that: it can be resumed.
    Interrupted,
    /// It cannot be read, and nobody trains in it.
    #[default]
    Damaged,
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Training => "running",
            Self::Finished => "complete",
            Self::Interrupted => "can be resumed",
            Self::Damaged => "damaged",
        })
    }
}

/// The validation of a run with the lowest loss.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Best {
    /// Steps taken before it.
    pub step: usize,
    /// Nats per token.
    pub loss: f64,
    /// Bits per byte, which compares runs with different tokenizers.
    pub bits_per_byte: f64,
}

/// What the model wrote at a validation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// Steps taken before.
    pub step: usize,
    /// Prompt and continuation.
    pub text: String,
}

/// Where a run is: its last rows, as far as they stand near the end of its metrics.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// The last training step.
    pub train: Option<Row>,
    /// The last validation.
    pub valid: Option<Row>,
}

impl RunFolder {
    /// Whether the run goes on, as its lock and its summary say; never [`RunState::Damaged`].
    #[must_use]
    pub fn state(&self) -> RunState {
        if self.is_locked() { RunState::Training } else { self.state_of_end() }
    }

    /// Whether a run in which nobody trains has come to its end.
    pub(crate) fn state_of_end(&self) -> RunState {
        if self.is_over() { RunState::Finished } else { RunState::Interrupted }
    }

    /// Whether a process trains in a folder, be it a run yet or not.
    pub(crate) fn trains_in(path: &Path) -> bool {
        Self { path: path.to_owned() }.is_locked()
    }

    /// Whether a process holds the run's lock. A shared lock is taken for that, so that two who look at once do not
    /// take each other for the trainer; [`lock`](Self::lock) waits for a look to be over.
    fn is_locked(&self) -> bool {
        let file = minigpt_files::open(&self.path().join(LOCK_FILE));
        file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// Where the run is; nothing of a run that has taken no step.
    ///
    /// # Errors
    /// [`TrainError::Io`].
    pub fn progress(&self) -> Result<Progress, TrainError> {
        let mut rows = match read_last_rows(&self.metrics_path()) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Progress::default()),
            rows => rows?,
        };
        rows.reverse();
        let last = |split| rows.iter().find(|row| row.split == split).cloned();
        Ok(Progress { train: last(RowSplit::Train), valid: last(RowSplit::Valid) })
    }

    /// The best validation that a checkpoint or the summary knows of.
    #[must_use]
    pub fn best_validation(&self) -> Option<Best> {
        let manifests = self.checkpoints().manifests(&mut |_| ()).unwrap_or_default();
        let kept = manifests.iter().filter_map(|set| {
            let validation = set.validation?;
            let (loss, bits_per_byte) = (validation.loss(), validation.bits_per_byte());
            Some(Best { step: set.step, loss, bits_per_byte })
        });
        let told = self.summary().ok().flatten().and_then(|summary| summary.best);
        let told = told.map(|ValidationFigures { step, loss, bits_per_byte, .. }| Best {
            step,
            loss,
            bits_per_byte,
        });
        kept.chain(told).min_by(|one, other| one.loss.total_cmp(&other.loss))
    }

    /// What the model wrote at each validation, in order; nothing before the first.
    ///
    /// # Errors
    /// [`TrainError::Io`], also where there is more than can be looked at.
    pub fn samples(&self) -> Result<Vec<Sample>, TrainError> {
        match minigpt_files::read(&self.samples_path(), SAMPLES) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            // A character may be written half at this moment.
            bytes => Ok(samples(&String::from_utf8_lossy(&bytes?))),
        }
    }
}

impl Progress {
    /// Steps that the run is to take in all, if it is not ended before; unknown of a run of whole passes that has
    /// not taken a step.
    #[must_use]
    pub fn planned_steps(&self, config: &RunConfig) -> Option<usize> {
        let of_passes = || {
            let row = self.train.as_ref().filter(|row| row.passes > 0.0)?;
            let steps_per_pass = row.step as f64 / row.passes;
            Some((steps_per_pass * config.training.epochs as f64).round() as usize)
        };
        config.training.max_steps.or_else(of_passes)
    }
}

/// The samples of a `samples.md`. A heading that the model wrote itself cannot be told from ours.
fn samples(text: &str) -> Vec<Sample> {
    let mut samples: Vec<Sample> = Vec::new();
    for line in text.split_inclusive('\n') {
        let number = line.strip_prefix(SAMPLE_HEADING).and_then(|rest| rest.strip_suffix('\n'));
        match (number.and_then(|number| number.parse().ok()), samples.last_mut()) {
            (Some(step), _) => samples.push(Sample { step, text: String::new() }),
            (None, Some(sample)) => sample.text += line,
            (None, None) => (),
        }
    }
    for sample in &mut samples {
        // The empty lines that stand around it in the file.
        let text = sample.text.strip_prefix('\n').unwrap_or(&sample.text);
        sample.text = text.strip_suffix("\n\n").unwrap_or(text).to_owned();
    }
    samples
}

#[cfg(test)]
mod tests;
