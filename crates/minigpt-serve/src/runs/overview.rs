//! All runs of a folder at a glance.

use std::cmp::Reverse;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use minigpt_train::{Progress, RunConfig, RunFolder, RunState};
use serde::Serialize;

use super::Runs;
use super::error::RunError;
use super::folder::FoundRun;

/// Runs that are listed, the newest of them.
pub(super) const LISTED: usize = 500;

/// The runs of a folder.
#[derive(Debug, Serialize)]
pub(crate) struct Overviews {
    /// The folder, as it was named.
    pub(crate) folder: String,
    /// The run that trains in this process.
    pub(crate) current: Option<String>,
    /// The newest first.
    pub(crate) runs: Vec<Overview>,
    /// Older ones that are not listed.
    pub(crate) left_out: usize,
}

/// What one run is and where it stands.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Overview {
    pub(crate) name: String,
    /// `training`, `finished`, `interrupted`; `damaged` where it cannot be read and nobody trains in it.
    pub(crate) state: State,
    /// What cannot be read.
    pub(crate) problem: Option<String>,
    /// When it began, and when it last wrote something, in seconds since 1970.
    pub(crate) started: Option<u64>,
    pub(crate) changed: Option<u64>,
    /// Steps taken, and those planned.
    pub(crate) step: usize,
    pub(crate) steps: Option<usize>,
    /// Training tokens seen, and seconds of training.
    pub(crate) tokens: Option<u64>,
    pub(crate) seconds: Option<f64>,
    pub(crate) parameters: Option<usize>,
    /// What it learns from, and what for, of a run that tunes a model.
    pub(crate) data: Option<String>,
    pub(crate) task: Option<String>,
    pub(crate) device: Option<String>,
    /// Of the last step and the last validation, in nats per token.
    pub(crate) tokens_per_second: Option<f64>,
    pub(crate) train_loss: Option<f64>,
    pub(crate) valid_loss: Option<f64>,
    pub(crate) best: Option<Best>,
}

/// The best validation.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Best {
    pub(crate) step: usize,
    pub(crate) loss: f64,
}

/// The state of a run, of which some cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    Training,
    Finished,
    Interrupted,
    #[default]
    Damaged,
}

impl Runs {
    /// All runs at a glance, each as `overview` tells it.
    ///
    /// # Errors
    /// Where the folder cannot be listed. A run that cannot be read is one of the runs.
    pub(crate) fn overviews(
        &self,
        overview: impl Fn(&FoundRun) -> Overview,
    ) -> Result<Overviews, RunError> {
        let mut found: Vec<_> = self.find()?.into_iter().map(|run| (began(&run), run)).collect();
        found.sort_by(|(one_began, one), (other_began, other)| {
            Reverse(one_began).cmp(&Reverse(other_began)).then_with(|| one.name().cmp(other.name()))
        });
        let left_out = found.len().saturating_sub(LISTED);
        Ok(Overviews {
            folder: self.folder.display().to_string(),
            current: self.current.clone(),
            runs: found.iter().take(LISTED).map(|(_, run)| overview(run)).collect(),
            left_out,
        })
    }
}

impl Overview {
    /// What is known of a run: all of it, or as much as can be read.
    pub(crate) fn of(run: &FoundRun) -> Self {
        let mut overview = Self {
            name: run.name().to_owned(),
            started: began(run).and_then(seconds),
            changed: changed(run).and_then(seconds),
            ..Self::default()
        };
        if let Err(error) = overview.read(run) {
            overview.problem = Some(error.to_string());
        }
        overview
    }

    /// Reads file after file, what matters most first: what cannot be read leaves what was read before.
    fn read(&mut self, run: &FoundRun) -> Result<(), RunError> {
        let folder = run.folder()?;
        let config = folder.config();
        self.state = state(&folder, config.is_ok());
        let config = config?;
        self.describe(&config);
        self.best = folder.best_validation().map(|(step, loss)| Best { step, loss });
        let progress = folder.progress()?;
        self.steps = progress.planned_steps(&config);
        self.progress(&progress);
        self.device = Some(folder.environment()?.device);
        let summary = folder.summary()?.filter(|_| self.state != State::Training);
        self.step = summary.map_or(self.step, |summary| summary.steps.max(self.step));
        Ok(())
    }

    fn describe(&mut self, config: &RunConfig) {
        self.parameters = Some(config.model.parameter_counts().total());
        self.data = Some(config.data.source.to_string());
        self.task = config.finetune.as_ref().map(|finetune| finetune.task.to_string());
    }

    fn progress(&mut self, Progress { train, valid }: &Progress) {
        if let Some(row) = train {
            self.step = row.step;
            self.tokens = Some(row.tokens);
            self.seconds = Some(row.seconds);
            self.tokens_per_second = Some(row.tokens_per_second);
            self.train_loss = Some(row.loss);
        }
        self.valid_loss = valid.as_ref().map(|row| row.loss);
    }
}

fn state(folder: &RunFolder, is_readable: bool) -> State {
    match folder.state() {
        RunState::Training => State::Training,
        _ if !is_readable => State::Damaged,
        RunState::Finished => State::Finished,
        RunState::Interrupted => State::Interrupted,
    }
}

/// The configuration is written once, before the first step.
fn began(run: &FoundRun) -> Option<SystemTime> {
    modified(&run.path().join("config.json")).or_else(|| modified(run.path()))
}

fn changed(run: &FoundRun) -> Option<SystemTime> {
    ["metrics.csv", "summary.json"].iter().filter_map(|file| modified(&run.path().join(file))).max()
}

pub(super) fn modified(path: &Path) -> Option<SystemTime> {
    path.symlink_metadata().ok()?.modified().ok()
}

/// Since 1970.
fn seconds(time: SystemTime) -> Option<u64> {
    Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs())
}
