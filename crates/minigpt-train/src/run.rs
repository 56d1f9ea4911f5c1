//! The run folder: everything a run leaves behind, and how later commands find it.

mod aside;
mod branch;
pub(crate) mod card;
pub(crate) mod checkpoint;
pub(crate) mod command;
pub(crate) mod curves;
pub(crate) mod found;
pub(crate) mod memory;
pub(crate) mod metrics;
pub(crate) mod mlflow;
pub(crate) mod models;
pub(crate) mod overview;
pub(crate) mod place;
pub(crate) mod prune;
mod repair;
pub(crate) mod row;
pub(crate) mod start;
pub(crate) mod summary;
mod teacher;
mod tensorboard;
mod timed;
pub(crate) mod watch;
pub(crate) mod wide_table;

use std::fs::TryLockError;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use minigpt_data::Tokenizer;
use minigpt_files::{Limit, excerpt, sha256};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use self::checkpoint::{CheckpointFolder, TOKENIZER_FILE};
use self::curves::Quantity;
use self::models::{BASE_FILE, EARLIER_BASE_FILE};
use self::start::{Machine, Preset, StartFigures};
use self::summary::Summary;
use crate::config::RunConfig;
use crate::config::finetune::FinetuneTask;
use crate::error::TrainError;

/// Starts each sample in `samples.md`; the step follows.
pub(crate) const SAMPLE_HEADING: &str = "## step ";

/// Held by the process that trains.
const LOCK_FILE: &str = "train.lock";

/// What the reference of a run on preferences makes of them.
const REFERENCES_FILE: &str = "references.json";

/// Begins the names of the files for TensorBoard.
const EVENTS: &str = "events.out.";

/// The folder of the checkpoints.
const CHECKPOINTS: &str = "checkpoints";

/// For so long a lock is waited for: whoever looks whether a run trains holds it for a moment.
const LOOK: Duration = Duration::from_millis(200);

/// The largest have a classifier's labels, or texts that the model wrote.
const JSON: Limit = Limit::new(16 << 20, "a JSON file of a run");

/// Twenty times what GPT-2's has.
const TOKENIZER: Limit = Limit::new(64 << 20, "a tokenizer");

/// Where and with what a run was made, saved as `environment.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// Version of minigpt.
    pub minigpt: String,
    /// Version of burn.
    pub burn: String,
    /// Git revision of the sources, where known.
    pub git_revision: Option<String>,
    /// The device that computed.
    pub device: String,
    /// Operating system and processor architecture.
    pub platform: String,
    /// The command line.
    pub command: Vec<String>,
    /// The machine; unknown of runs of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<Machine>,
    /// What the settings started from; unknown of runs of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
}

/// The folder `runs/<name>` of one run.
///
/// ```text
/// train.lock         held by the process that trains here
/// config.json        the resolved RunConfig, written before the first step
/// environment.json   versions, git revision, device, machine, command line, preset
/// start.json         parameters, sizes of the splits, perplexity of their frequencies alone
/// tokenizer.json     Hugging Face's format
/// generation_config.json   how a tuned model's base has texts drawn, where it says so
/// metrics.csv        a row per step and per validation
/// events.out.*       the same for TensorBoard, a file per process that trained
/// plots/loss.png     the losses, redrawn at each validation
/// plots/…            perplexity, learning rate, gradient norm and speed, drawn at the end
/// samples.md         the text written at each validation
/// summary.json       the figures of the end
/// checkpoints/step-000250/
///   model.bpk  optimizer.bpk  schedule.bpk  tokenizer.json
///   average.bpk      the weights' moving average, where the run keeps one
///   manifest.json    step, model, validation, SHA-256 of the data, the tokenizer and each file
/// checkpoints/step-000500.damaged/   what a resumed run could not read, as metrics.csv.damaged may be
/// ```
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
}

/// The right to train in a run folder, until it is dropped or its process ends.
#[derive(Debug)]
pub(crate) struct RunLock {
    _file: fs_err::File,
    /// Whether it is held: some file systems of clusters have no locks.
    keeps_others_out: bool,
}

impl RunFolder {
    /// Makes the folder of a new run, and locks it.
    ///
    /// # Errors
    /// [`TrainError::RunExists`] where a run is there already, [`TrainError::InUse`] where another
    /// process begins one, [`TrainError::Io`] where the folder cannot be made.
    pub(crate) fn create(path: &Path) -> Result<(Self, RunLock), TrainError> {
        let run = Self { path: path.to_owned() };
        run.refuse_taken()?;
        fs_err::create_dir_all(path.join("plots"))?;
        let lock = run.lock()?;
        // Another process may have made its run between the two lines before.
        run.refuse_taken()?;
        run.clear_beginning()?;
        Ok((run, lock))
    }

    /// Removes what a process left that ended before the folder was a run, and that would be taken for the run's own.
    fn clear_beginning(&self) -> Result<(), TrainError> {
        self.checkpoints().clear()?;
        for file in [BASE_FILE, EARLIER_BASE_FILE, REFERENCES_FILE] {
            match fs_err::remove_file(self.path.join(file)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        for entry in fs_err::read_dir(&self.path)? {
            let entry = entry?;
            let is_of_events = entry.file_name().to_string_lossy().starts_with(EVENTS);
            if is_of_events && !entry.file_type()?.is_dir() {
                fs_err::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Makes sure that a new run can be made in `path`.
    ///
    /// # Errors
    /// [`TrainError::RunExists`] where a run is there already.
    pub fn check_free(path: &Path) -> Result<(), TrainError> {
        Self { path: path.to_owned() }.refuse_taken()
    }

    fn refuse_taken(&self) -> Result<(), TrainError> {
        if self.config_path().exists() {
            return Err(TrainError::RunExists { path: self.path.clone() });
        }
        Ok(())
    }

    /// Keeps other processes from training in this folder, as long as the lock lives. The operating
    /// system holds it, so that a process that is killed leaves none behind.
    ///
    /// # Errors
    /// [`TrainError::InUse`] where another process trains here, [`TrainError::Io`].
    pub(crate) fn lock(&self) -> Result<RunLock, TrainError> {
        let file = minigpt_files::open_lock(&self.path.join(LOCK_FILE))?;
        let began = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(RunLock { _file: file, keeps_others_out: true }),
                Err(TryLockError::WouldBlock) if began.elapsed() < LOOK => {
                    std::thread::sleep(LOOK / 20);
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(TrainError::InUse { path: self.path.clone() });
                }
                // Training there is no worse than without a lock.
                Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {
                    return Ok(RunLock { _file: file, keeps_others_out: false });
                }
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
        }
    }

    /// Opens the folder of a run.
    ///
    /// # Errors
    /// [`TrainError::NoRun`] where nothing is there, [`TrainError::NotARun`] where it holds no configuration.
    pub fn open(path: &Path) -> Result<Self, TrainError> {
        let run = Self { path: path.to_owned() };
        match run.path.exists() {
            _ if run.config_path().is_file() => Ok(run),
            true => Err(TrainError::NotARun { path: run.path }),
            false => Err(TrainError::NoRun { path: run.path }),
        }
    }

    /// The run that `path` is a checkpoint of, as `runs/austen/checkpoints/step-000250`, and its step; nothing where it
    /// is another folder.
    #[must_use]
    pub fn of_checkpoint(path: &Path) -> Option<(Self, usize)> {
        let run_and_step = |path: &Path| {
            let checkpoints = path.parent().filter(|parent| parent.ends_with(CHECKPOINTS))?;
            let step = checkpoint::step_of(path.file_name()?.to_str()?)?;
            let run = checkpoints.parent().filter(|run| !run.as_os_str().is_empty())?;
            Some((Self::open(run).ok()?, step))
        };
        // As it is written; then from where we are, as `checkpoints/step-000250`; then where links lead.
        run_and_step(path)
            .or_else(|| run_and_step(&std::path::absolute(path).ok()?))
            .or_else(|| run_and_step(&fs_err::canonicalize(path).ok()?))
    }

    /// The path of the folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name of the run: the folder's.
    #[must_use]
    pub fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        name.to_string_lossy().into_owned()
    }

    fn config_path(&self) -> PathBuf {
        self.path.join("config.json")
    }

    fn environment_path(&self) -> PathBuf {
        self.path.join("environment.json")
    }

    fn start_path(&self) -> PathBuf {
        self.path.join("start.json")
    }

    /// `tokenizer.json`.
    pub(crate) fn tokenizer_path(&self) -> PathBuf {
        self.path.join("tokenizer.json")
    }

    /// The path of `metrics.csv`, which has a [`Row`](crate::Row) for each step and validation.
    #[must_use]
    pub fn metrics_path(&self) -> PathBuf {
        self.path.join("metrics.csv")
    }

    /// The path of the picture of a quantity, `plots/<quantity>.png`.
    #[must_use]
    pub fn plot_path(&self, quantity: Quantity) -> PathBuf {
        self.path.join("plots").join(quantity.name()).with_extension("png")
    }

    /// `samples.md`.
    pub(crate) fn samples_path(&self) -> PathBuf {
        self.path.join("samples.md")
    }

    /// `references.json`.
    pub(crate) fn references_path(&self) -> PathBuf {
        self.path.join(REFERENCES_FILE)
    }

    /// `summary.json`.
    pub(crate) fn summary_path(&self) -> PathBuf {
        self.path.join("summary.json")
    }

    /// The checkpoints of the run, in its folder `checkpoints`.
    #[must_use]
    pub fn checkpoints(&self) -> CheckpointFolder {
        CheckpointFolder::new(self.path.join(CHECKPOINTS))
    }

    /// Writes what must be known before the first step.
    ///
    /// # Errors
    /// [`TrainError::Io`] or [`TrainError::Data`].
    pub(crate) fn write_start(
        &self,
        config: &RunConfig,
        environment: &Environment,
        figures: &StartFigures,
        tokenizer: &Tokenizer,
    ) -> Result<(), TrainError> {
        tokenizer.save(&self.tokenizer_path())?;
        write_json(&self.environment_path(), environment)?;
        write_json(&self.start_path(), figures)?;
        // Last, because its presence makes the folder a run.
        write_json(&self.config_path(), config)
    }

    /// The resolved configuration.
    ///
    /// # Errors
    /// [`TrainError::Io`], or [`TrainError::Damaged`], also of one that describes no run.
    pub fn config(&self) -> Result<RunConfig, TrainError> {
        let path = self.config_path();
        let config: RunConfig = read_json(path.clone())?;
        match config.validate() {
            Ok(()) => Ok(config),
            Err(TrainError::Model(error)) => {
                Err(TrainError::Damaged { path, reason: format!("model.{error}") })
            }
            Err(error) => Err(TrainError::Damaged { path, reason: error.to_string() }),
        }
    }

    /// Where and with what the run was made.
    ///
    /// # Errors
    /// [`TrainError::Io`] or [`TrainError::Damaged`].
    pub fn environment(&self) -> Result<Environment, TrainError> {
        read_json(self.environment_path())
    }

    /// Sizes of the model and of its text; unknown of runs of earlier versions.
    ///
    /// # Errors
    /// [`TrainError::Io`] or [`TrainError::Damaged`].
    pub fn start_figures(&self) -> Result<Option<StartFigures>, TrainError> {
        self.start_path().exists().then(|| read_json(self.start_path())).transpose()
    }

    /// The figures of the run's end, once it has one.
    ///
    /// # Errors
    /// [`TrainError::Io`] or [`TrainError::Damaged`].
    pub fn summary(&self) -> Result<Option<Summary>, TrainError> {
        self.summary_path().exists().then(|| read_json(self.summary_path())).transpose()
    }

    /// Whether the run tunes a model to tell classes apart, which writes no text.
    ///
    /// # Errors
    /// As [`config`](Self::config).
    pub fn is_classifier(&self) -> Result<bool, TrainError> {
        let finetune = self.config()?.finetune;
        Ok(finetune.is_some_and(|finetune| finetune.task == FinetuneTask::Classify))
    }

    /// The tokenizer that the run was trained with.
    ///
    /// # Errors
    /// [`TrainError::OtherTokenizerFile`] where `tokenizer.json` is not the one that the checkpoints
    /// were taken with, [`TrainError::Io`] or [`TrainError::Data`].
    pub fn tokenizer(&self) -> Result<Tokenizer, TrainError> {
        self.tokenizer_file()?;
        Ok(Tokenizer::load(&self.tokenizer_path())?)
    }

    /// The bytes of `tokenizer.json`, checked against the checksum in the newest manifest that can be
    /// read: another tokenizer's ids mean other texts, and no error would say so.
    pub(crate) fn tokenizer_file(&self) -> Result<Vec<u8>, TrainError> {
        let path = self.tokenizer_path();
        let bytes = minigpt_files::read(&path, TOKENIZER)?;
        let checkpoints = self.checkpoints();
        let manifests = checkpoints.manifests(&mut |_| ())?;
        let listed = manifests.iter().rev().find_map(|manifest| {
            Some((manifest.step, manifest.sha256.get(TOKENIZER_FILE)?.clone()))
        });
        let found = sha256(&bytes);
        match listed {
            Some((step, expected)) if expected != found => {
                let copy = checkpoints.set(step).join(TOKENIZER_FILE);
                Err(TrainError::OtherTokenizerFile { path, found, expected, copy })
            }
            _ => Ok(bytes),
        }
    }
}

pub(crate) fn read_json<T: DeserializeOwned>(path: PathBuf) -> Result<T, TrainError> {
    serde_json::from_slice(&minigpt_files::read(&path, JSON)?)
        .map_err(|error| TrainError::Damaged { path, reason: excerpt(&error.to_string()) })
}

/// Writes `value` as indented JSON: a reader sees the old file or the new one.
///
/// # Errors
/// [`TrainError::Io`].
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), TrainError> {
    let json = serde_json::to_vec_pretty(value).map_err(std::io::Error::other)?;
    Ok(minigpt_files::write(path, json)?)
}
