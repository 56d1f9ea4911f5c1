//! The run folder: everything a run leaves behind, and how later commands find it.

use std::fs::TryLockError;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::store::ModuleRecord;
use burn::tensor::Device;
use minigpt_data::Tokenizer;
use minigpt_model::{Gpt, check_finite};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::checkpoint::{AVERAGE_FILE, CheckpointFolder, MODEL_FILE, Manifest, OnDamage};
use crate::classifier::Classifier;
use crate::config::RunConfig;
use crate::error::TrainError;
use crate::metrics::{read_metrics, to_csv};
use crate::plot::Quantity;
use crate::summary::Summary;
use crate::trainee::{Trainee, fresh_trainee};

/// Starts each sample in `samples.md`; the step follows.
pub(crate) const SAMPLE_HEADING: &str = "## step ";

/// Where and with what a run was made, saved as `environment.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
}

/// The folder `runs/<name>` of one run.
///
/// ```text
/// train.lock         held by the process that trains here
/// config.json        the resolved RunConfig, written before the first step
/// environment.json   versions, git revision, device, command line
/// tokenizer.json     Hugging Face's format
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
/// checkpoints/step-000500.damaged/   what a resumed run could not read
/// ```
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
}

/// The right to train in a run folder, until it is dropped or its process ends.
#[derive(Debug)]
pub struct RunLock {
    _file: fs_err::File,
}

impl RunFolder {
    /// Makes the folder of a new run, and locks it.
    ///
    /// # Errors
    /// [`TrainError::RunExists`] where a run is there already, [`TrainError::InUse`] where another
    /// process begins one, [`TrainError::Io`] where the folder cannot be made.
    pub fn create(path: &Path) -> Result<(Self, RunLock), TrainError> {
        let run = Self { path: path.to_owned() };
        run.refuse_taken()?;
        fs_err::create_dir_all(path.join("plots"))?;
        let lock = run.lock()?;
        // Another process may have made its run between the two lines before.
        run.refuse_taken()?;
        Ok((run, lock))
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
    pub fn lock(&self) -> Result<RunLock, TrainError> {
        let file = fs_err::File::create(self.path.join("train.lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(RunLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(TrainError::InUse { path: self.path.clone() }),
            // Some file systems of clusters have no locks, and are no worse than before.
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {
                Ok(RunLock { _file: file })
            }
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// Opens the folder of a run.
    ///
    /// # Errors
    /// [`TrainError::NotARun`] where it holds no configuration.
    pub fn open(path: &Path) -> Result<Self, TrainError> {
        let run = Self { path: path.to_owned() };
        if run.config_path().is_file() {
            Ok(run)
        } else {
            Err(TrainError::NotARun { path: run.path })
        }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name of the run: the folder's.
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

    /// `tokenizer.json`.
    pub fn tokenizer_path(&self) -> PathBuf {
        self.path.join("tokenizer.json")
    }

    /// `metrics.csv`.
    pub fn metrics_path(&self) -> PathBuf {
        self.path.join("metrics.csv")
    }

    /// `plots/<quantity>.png`.
    pub fn plot_path(&self, quantity: Quantity) -> PathBuf {
        self.path.join("plots").join(quantity.name()).with_extension("png")
    }

    /// `samples.md`.
    pub fn samples_path(&self) -> PathBuf {
        self.path.join("samples.md")
    }

    /// `summary.json`.
    pub fn summary_path(&self) -> PathBuf {
        self.path.join("summary.json")
    }

    /// The checkpoints.
    pub fn checkpoints(&self) -> CheckpointFolder {
        CheckpointFolder::new(self.path.join("checkpoints"))
    }

    /// Writes what must be known before the first step.
    ///
    /// # Errors
    /// [`TrainError::Io`] or [`TrainError::Data`].
    pub fn write_start(
        &self,
        config: &RunConfig,
        environment: &Environment,
        tokenizer: &Tokenizer,
    ) -> Result<(), TrainError> {
        tokenizer.save(&self.tokenizer_path())?;
        write_json(&self.environment_path(), environment)?;
        // Last, because its presence makes the folder a run.
        write_json(&self.config_path(), config)
    }

    /// Removes the rows and samples after `step`, which a resumed run will write again.
    pub(crate) fn forget_after(&self, step: usize) -> Result<(), TrainError> {
        if self.metrics_path().exists() {
            let mut rows = read_metrics(&self.metrics_path())?;
            rows.retain(|row| row.step <= step);
            write_atomically(&self.metrics_path(), &to_csv(&rows)?)?;
        }
        if self.samples_path().exists() {
            let samples = fs_err::read_to_string(self.samples_path())?;
            write_atomically(&self.samples_path(), samples_until(&samples, step).as_bytes())?;
        }
        Ok(())
    }

    /// The resolved configuration.
    ///
    /// # Errors
    /// [`TrainError::Io`] or [`TrainError::Damaged`].
    pub fn config(&self) -> Result<RunConfig, TrainError> {
        read_json(self.config_path())
    }

    /// Where and with what the run was made.
    ///
    /// # Errors
    /// [`TrainError::Io`] or [`TrainError::Damaged`].
    pub fn environment(&self) -> Result<Environment, TrainError> {
        read_json(self.environment_path())
    }

    /// The figures of the run's end, once it has one.
    ///
    /// # Errors
    /// [`TrainError::Io`] or [`TrainError::Damaged`].
    pub fn summary(&self) -> Result<Option<Summary>, TrainError> {
        self.summary_path().exists().then(|| read_json(self.summary_path())).transpose()
    }

    /// The tokenizer.
    ///
    /// # Errors
    /// [`TrainError::Data`].
    pub fn tokenizer(&self) -> Result<Tokenizer, TrainError> {
        Ok(Tokenizer::load(&self.tokenizer_path())?)
    }

    /// The model of the best intact checkpoint, ready for inference on `device`, and its manifest.
    ///
    /// # Errors
    /// [`TrainError::NoCheckpoint`], [`TrainError::Io`] or [`TrainError::Damaged`].
    pub fn best_model(
        &self,
        device: &Device,
        damaged: OnDamage<'_>,
    ) -> Result<(Gpt, Manifest), TrainError> {
        let (trainee, manifest) = self.load_best(MODEL_FILE, device, damaged)?;
        Ok((trainee.materialize().transformer, manifest))
    }

    /// Writes the adapter of the best intact checkpoint into a folder `adapter` of the run, as PEFT
    /// has it; nothing where the run trains none.
    ///
    /// # Errors
    /// As [`best_model`](Self::best_model), and [`TrainError::Adapter`].
    pub fn write_adapter(
        &self,
        device: &Device,
        damaged: OnDamage<'_>,
    ) -> Result<Option<PathBuf>, TrainError> {
        let Some(finetune) = self.config()?.finetune else { return Ok(None) };
        let Some(lora) = finetune.lora else { return Ok(None) };
        let (trainee, _) = self.load_best(MODEL_FILE, device, damaged)?;
        let (path, partial) = (self.path.join("adapter"), self.path.join("adapter.partial"));
        for folder in [&partial, &path] {
            if folder.exists() {
                fs_err::remove_dir_all(folder)?;
            }
        }
        fs_err::create_dir(&partial)?;
        trainee.transformer.save_adapter(&lora, &finetune.base, &partial)?;
        fs_err::rename(&partial, &path)?;
        sync_folder(&self.path)?;
        Ok(Some(path))
    }

    /// The classifier of the best intact checkpoint, and its manifest.
    ///
    /// # Errors
    /// As [`best_model`](Self::best_model), and [`TrainError::NotAClassifier`] where the run tunes
    /// none.
    pub fn best_classifier(
        &self,
        device: &Device,
        damaged: OnDamage<'_>,
    ) -> Result<(Classifier, Manifest), TrainError> {
        let (trainee, manifest) = self.load_best(MODEL_FILE, device, damaged)?;
        let trainee = trainee.materialize();
        let labels = self.config()?.finetune.map(|finetune| finetune.labels).unwrap_or_default();
        match Classifier::new(&trainee, labels) {
            Some(classifier) => Ok((classifier, manifest)),
            None => Err(TrainError::NotAClassifier { path: self.path.clone() }),
        }
    }

    /// The moving average of the weights in the best intact checkpoint.
    ///
    /// # Errors
    /// As [`best_model`](Self::best_model), and [`TrainError::NoAverage`] where the run keeps none.
    pub fn best_average(
        &self,
        device: &Device,
        damaged: OnDamage<'_>,
    ) -> Result<(Gpt, Manifest), TrainError> {
        if self.config()?.training.ema_decay.is_none() {
            return Err(TrainError::NoAverage { path: self.path.clone() });
        }
        let (trainee, manifest) = self.load_best(AVERAGE_FILE, device, damaged)?;
        Ok((trainee.materialize().transformer, manifest))
    }

    fn load_best(
        &self,
        file: &str,
        device: &Device,
        damaged: OnDamage<'_>,
    ) -> Result<(Trainee, Manifest), TrainError> {
        let checkpoints = self.checkpoints();
        let Some(manifest) = checkpoints.best(damaged)? else {
            return Err(TrainError::NoCheckpoint { path: self.path.clone() });
        };
        let path = checkpoints.verified_file(&manifest, file)?;
        let damaged = |reason: String| TrainError::Damaged { path: path.clone(), reason };
        // Before memory is taken for a model: a manifest can claim any.
        let parameters = manifest.model.parameter_counts().total() as u64;
        let bytes = fs_err::metadata(&path)?.len();
        if bytes < parameters * size_of::<f32>() as u64 {
            return Err(damaged(format!(
                "{bytes} bytes cannot hold the {parameters} parameters of the model in its manifest"
            )));
        }
        let tokenizer_size = self.tokenizer()?.vocab_size();
        let transformer =
            Gpt::init(&manifest.model, 0, device)?.with_tokenizer_size(tokenizer_size);
        let trainee = fresh_trainee(transformer, &self.config()?)?;
        check_finite(&path)?;
        let record = ModuleRecord::load(&path).map_err(|error| damaged(error.to_string()))?;
        let trainee =
            trainee.try_load_record(record).map_err(|error| damaged(error.to_string()))?;
        Ok((trainee, manifest))
    }
}

/// The part of a `samples.md` up to and with the sample of `step`.
fn samples_until(samples: &str, step: usize) -> &str {
    let later = samples.match_indices(SAMPLE_HEADING).find(|(at, heading)| {
        let number = samples[at + heading.len()..].split('\n').next().unwrap_or_default();
        number.parse::<usize>().is_ok_and(|number| number > step)
    });
    later.map_or(samples, |(at, _)| &samples[..at])
}

fn read_json<T: DeserializeOwned>(path: PathBuf) -> Result<T, TrainError> {
    serde_json::from_slice(&fs_err::read(&path)?)
        .map_err(|error| TrainError::Damaged { path, reason: error.to_string() })
}

/// Writes `value` as indented JSON, to a temporary name first.
///
/// # Errors
/// [`TrainError::Io`].
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), TrainError> {
    let json = serde_json::to_vec_pretty(value).map_err(std::io::Error::other)?;
    write_atomically(path, &json)
}

/// Writes to a temporary name, syncs, renames: a reader sees the old file or the new one.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    let partial = path.with_extension("partial");
    let write = || {
        let mut file = fs_err::File::create(&partial)?;
        std::io::Write::write_all(&mut file, bytes)?;
        file.sync_all()?;
        fs_err::rename(&partial, path)?;
        // The parent of a name alone is the empty path.
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        sync_folder(folder.unwrap_or(Path::new(".")))
    };
    write().map_err(|error| {
        // The error that is reported is the first one.
        let _ = fs_err::remove_file(&partial);
        error.into()
    })
}

/// Waits until the names in a folder are on the disk, where the system lets a folder be opened.
#[cfg(unix)]
pub(crate) fn sync_folder(path: &Path) -> std::io::Result<()> {
    fs_err::File::open(path)?.sync_all()
}

/// Windows opens no folders as files; its file systems write names in order.
#[cfg(not(unix))]
pub(crate) fn sync_folder(_: &Path) -> std::io::Result<()> {
    Ok(())
}
