//! A run at a glance: what it is and where it stands.

use std::cmp::Reverse;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::RunFolder;
use super::found::FoundRun;
use super::watch::{Best, Progress, RunState};
use crate::config::RunConfig;
use crate::config::finetune::FinetuneTask;
use crate::error::TrainError;

/// What one run is and where it stands.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Overview {
    /// The folder's name.
    pub name: String,
    /// Whether it goes on.
    pub state: RunState,
    /// What cannot be read.
    pub problem: Option<String>,
    /// When it began, in seconds since 1970.
    pub started: Option<u64>,
    /// When it last wrote something, in seconds since 1970.
    pub changed: Option<u64>,
    /// Steps taken.
    pub step: usize,
    /// Steps planned.
    pub steps: Option<usize>,
    /// Training tokens seen.
    pub tokens: Option<u64>,
    /// Seconds of training.
    pub seconds: Option<f64>,
    /// Of the model.
    pub parameters: Option<usize>,
    /// Blocks of the model.
    pub layers: Option<usize>,
    /// Width of its residual stream.
    pub width: Option<usize>,
    /// What it learns from.
    pub data: Option<String>,
    /// What for, of a run that tunes a model.
    pub task: Option<String>,
    /// Whether it learns to tell classes apart: its losses are nats per label, and there are no bits per byte.
    #[serde(skip)]
    pub is_classifier: bool,
    /// The model that it tunes.
    pub base: Option<String>,
    /// The device that computed.
    pub device: Option<String>,
    /// Of the last step.
    pub tokens_per_second: Option<f64>,
    /// Of the last step, in nats per token.
    pub train_loss: Option<f64>,
    /// Of the last validation, in nats per token.
    pub valid_loss: Option<f64>,
    /// The best validation.
    pub best: Option<Best>,
}

impl Overview {
    /// What is known of a run: all of it, or as much as can be read.
    pub fn of(run: &FoundRun) -> Self {
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
    fn read(&mut self, run: &FoundRun) -> Result<(), TrainError> {
        let folder = match run.folder() {
            // It begins: its lock is held, and its settings are written with the next lines.
            Err(TrainError::NotARun { .. }) if RunFolder::trains_in(run.path()) => {
                self.state = RunState::Training;
                return Ok(());
            }
            folder => folder?,
        };
        let config = folder.config();
        self.state = state(&folder, config.is_ok());
        let config = config?;
        self.describe(&config);
        self.best = folder.best_validation();
        let progress = folder.progress()?;
        self.steps = progress.planned_steps(&config);
        self.progress(&progress);
        self.device = Some(folder.environment()?.device);
        let summary = folder.summary()?.filter(|_| self.state != RunState::Training);
        self.step = summary.map_or(self.step, |summary| summary.steps.max(self.step));
        Ok(())
    }

    fn describe(&mut self, config: &RunConfig) {
        self.parameters = Some(config.model.parameter_counts().total());
        self.layers = Some(config.model.n_layer);
        self.width = Some(config.model.n_embd);
        self.data = Some(config.data.source.to_string());
        self.task = config.finetune.as_ref().map(|finetune| finetune.task.to_string());
        self.is_classifier =
            config.finetune.as_ref().is_some_and(|tuned| tuned.task == FinetuneTask::Classify);
        self.base = config.finetune.as_ref().map(|finetune| finetune.base.clone());
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

/// Sorts runs by when they began, the newest first.
pub fn newest_first(runs: &mut [FoundRun]) {
    runs.sort_by_cached_key(|run| (Reverse(began(run)), run.name().to_owned()));
}

/// When a run began: its configuration is written once, before the first step.
pub(crate) fn began(run: &FoundRun) -> Option<SystemTime> {
    modified(&run.path().join("config.json")).or_else(|| modified(run.path()))
}

/// When a run last wrote something.
pub(crate) fn changed(run: &FoundRun) -> Option<SystemTime> {
    ["metrics.csv", "summary.json"].iter().filter_map(|file| modified(&run.path().join(file))).max()
}

fn state(folder: &RunFolder, is_readable: bool) -> RunState {
    match folder.state() {
        RunState::Finished | RunState::Interrupted if !is_readable => RunState::Damaged,
        state => state,
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.symlink_metadata().ok()?.modified().ok()
}

/// Since 1970.
fn seconds(time: SystemTime) -> Option<u64> {
    Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs())
}

#[cfg(test)]
mod tests;
