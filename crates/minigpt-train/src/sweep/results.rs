//! What a sweep came to: each trial from its run folder, each setting over its seeds.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::design::{Sweep, in_a_command};
use super::error::SweepError;
use super::file::SweepFile;
use super::halving::{Leg, Standing, ended_at, next_leg};
use crate::config::RunConfig;
use crate::error::TrainError;
use crate::run::metrics::read_metrics;
use crate::run::row::RowSplit;
use crate::run::watch::RunState;
use crate::run::{RunFolder, read_json};

/// A sweep and what it came to, saved as `sweep.json` in its folder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SweepRecord {
    /// What it was told.
    pub file: Option<SweepFile>,
    /// Trials, done or not.
    pub trials: usize,
    /// Minutes that its trials have trained.
    pub minutes: f64,
    /// The settings, the best first.
    pub settings: Vec<Outcome>,
    /// What went wrong in trials whose loss was no number, by their folders.
    pub failed: BTreeMap<String, String>,
    /// The command that trains with the best setting.
    pub command: Option<String>,
}

/// What one setting came to, over its seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// In what it differs from the others.
    pub words: String,
    /// Its variant, where there are several.
    pub variant: Option<String>,
    /// The value of each setting that varies, as `--set` takes it.
    pub varied: BTreeMap<String, String>,
    /// The runs.
    pub runs: Vec<Score>,
    /// Mean of the runs' best validations, in bits per byte.
    pub mean: Option<f64>,
    /// Their standard deviation.
    pub deviation: Option<f64>,
    /// The step after which it ended, because others were better.
    pub ended_at: Option<usize>,
    /// Whether all its runs have come to their end.
    pub is_complete: bool,
}

/// What one run of a sweep came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Its folder.
    pub folder: String,
    /// Its seed.
    pub seed: u64,
    /// Steps taken.
    pub steps: usize,
    /// Seconds that it trained.
    pub seconds: f64,
    /// Its best validation, in bits per byte.
    pub bits_per_byte: Option<f64>,
}

impl Standing {
    /// Where the run in a folder stands, and how many seconds it has trained; nothing where there is none.
    ///
    /// # Errors
    /// [`SweepError::OtherRun`] where it is not what `config` says, or as the files can be read.
    pub fn of_run(path: &Path, config: &RunConfig) -> Result<(Self, f64), SweepError> {
        let Ok(run) = RunFolder::open(path) else { return Ok((Self::default(), 0.0)) };
        let (found, expected) = (run.config()?.settings(), config.settings());
        let names = found.keys().chain(expected.keys());
        if let Some(setting) = names.min_by_key(|key| (found.get(*key) == expected.get(*key), *key))
            && found.get(setting) != expected.get(setting)
        {
            return Err(SweepError::OtherRun { path: path.to_owned(), setting: setting.clone() });
        }
        let rows = match run.metrics_path().exists() {
            true => read_metrics(&run.metrics_path())?,
            false => Vec::new(),
        };
        let figures = run.start_figures()?;
        // What a loss per token is in bits per byte.
        let bits = figures.map_or(f64::NAN, |figures| {
            figures.valid.predicted as f64 / figures.valid.bytes as f64 / std::f64::consts::LN_2
        });
        let validations = rows.iter().filter(|row| row.split == RowSplit::Valid);
        let standing = Self {
            steps: rows.last().map_or(0, |row| row.step),
            scores: validations.map(|row| (row.step, row.loss * bits)).collect(),
            has_ended: run.state() == RunState::Finished,
            has_failed: false,
        };
        Ok((standing, rows.last().map_or(0.0, |row| row.seconds)))
    }
}

impl Sweep {
    /// The trial that goes on next, and how far; nothing where all is done. `standings` are those of
    /// [`trials`](Self::trials).
    #[must_use]
    pub fn next_leg(&self, standings: &[Standing]) -> Option<Leg> {
        next_leg(self.settings.len(), self.file.halving.as_ref(), standings)
    }

    /// The legs that are left, as far as can be known: which settings will be the better ones is a guess.
    #[must_use]
    pub fn legs_left(&self, standings: &[Standing]) -> Vec<Leg> {
        let mut standings = standings.to_vec();
        let mut legs = Vec::new();
        while let Some(leg) = self.next_leg(&standings) {
            legs.push(leg);
            let standing = &mut standings[leg.trial];
            match leg.until {
                Some(step) => drop(standing.scores.insert(step, 0.0)),
                None => standing.has_ended = true,
            }
        }
        legs
    }

    /// What all trials came to, with the seconds that each has trained.
    #[must_use]
    pub fn record(
        &self,
        standings: &[Standing],
        seconds: &[f64],
        failed: BTreeMap<String, String>,
    ) -> SweepRecord {
        let count = self.settings.len();
        let trials = self.trials();
        let ended = ended_at(count, self.file.halving.as_ref(), standings);
        let outcome = |index: usize| {
            let setting = &self.settings[index];
            let of_setting = (index..trials.len()).step_by(count);
            let of_failed = of_setting.clone();
            let is_complete = of_setting.clone().all(|trial| standings[trial].has_ended);
            let runs: Vec<Score> = of_setting
                .map(|trial| Score {
                    folder: self.folder_name(trials[trial]),
                    seed: trials[trial].seed,
                    steps: standings[trial].steps,
                    seconds: seconds[trial],
                    bits_per_byte: standings[trial].best(),
                })
                .collect();
            // Of a setting with which a run failed no mean is of use.
            let has_failed = of_failed.into_iter().any(|trial| standings[trial].has_failed);
            let scores: Vec<f64> = runs.iter().filter_map(|run| run.bits_per_byte).collect();
            let scores = if has_failed { Vec::new() } else { scores };
            let (mean, deviation) = mean_and_deviation(&scores);
            let varied = setting.varied.iter();
            Outcome {
                name: setting.name.clone(),
                words: setting.in_words(),
                variant: setting.variant.clone(),
                varied: varied.map(|(key, value)| (key.clone(), in_a_command(value))).collect(),
                runs,
                mean,
                deviation,
                ended_at: ended[index],
                is_complete,
            }
        };
        let mut outcomes: Vec<(usize, Outcome)> =
            (0..count).map(|index| (index, outcome(index))).collect();
        outcomes.sort_by(|(_, one), (_, other)| {
            one.rank().partial_cmp(&other.rank()).unwrap_or(Ordering::Equal)
        });
        let best = outcomes.first().filter(|(_, outcome)| outcome.is_complete);
        SweepRecord {
            file: Some(self.file.clone()),
            trials: trials.len(),
            minutes: seconds.iter().sum::<f64>() / 60.0,
            command: best.map(|(index, _)| self.command(&self.settings[*index])),
            settings: outcomes.into_iter().map(|(_, outcome)| outcome).collect(),
            failed,
        }
    }
}

impl Outcome {
    /// What has come further stands before what has not, then the better before the worse.
    fn rank(&self) -> (bool, Reverse<usize>, f64) {
        let ended_at = self.ended_at.unwrap_or(usize::MAX);
        let mean = self.mean.unwrap_or(f64::INFINITY);
        (!self.is_complete, Reverse(ended_at), mean)
    }
}

impl SweepRecord {
    /// The name of the file in the sweep's folder.
    pub const FILE: &str = "sweep.json";

    /// The trials that failed before, of the sweep in a folder.
    ///
    /// # Errors
    /// [`TrainError::Damaged`] or [`TrainError::Io`].
    pub fn failures(folder: &Path) -> Result<BTreeMap<String, String>, TrainError> {
        let path = folder.join(Self::FILE);
        match path.exists() {
            true => Ok(read_json::<Self>(path)?.failed),
            false => Ok(BTreeMap::new()),
        }
    }
}

/// Of no number there is neither, of one there is no deviation.
fn mean_and_deviation(scores: &[f64]) -> (Option<f64>, Option<f64>) {
    let count = scores.len() as f64;
    if scores.is_empty() {
        return (None, None);
    }
    let mean = scores.iter().sum::<f64>() / count;
    let squares: f64 = scores.iter().map(|score| (score - mean).powi(2)).sum();
    (Some(mean), (scores.len() > 1).then(|| (squares / (count - 1.0)).sqrt()))
}

#[cfg(test)]
mod tests;
