//! The models in a run's folder.

use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::store::ModuleRecord;
use burn::tensor::Device;
use minigpt_files::{Limit, NewFolder, caught};
use minigpt_model::{Gpt, Kernels, check_finite};
use minigpt_text::Classifier;

use super::RunFolder;
use crate::error::TrainError;
use crate::optim::trainee::{Trainee, fresh_trainee};
use crate::run::checkpoint::{AVERAGE_FILE, CheckpointManifest, MODEL_FILE, OnDamage};

/// The weights that an adapter is trained beside, which checkpoints then lack.
pub(super) const BASE_FILE: &str = "base.gguf";
/// The same as 32-bit floats, in runs of earlier versions.
pub(super) const EARLIER_BASE_FILE: &str = "base.safetensors";

/// What a file of weights has besides them: names and shapes of the tensors, a few hundred bytes each.
const HEAD: u64 = 16 << 20;

impl RunFolder {
    /// The model of the best intact checkpoint, ready for inference on `device`, and its manifest.
    ///
    /// # Errors
    /// [`TrainError::NoCheckpoint`], [`TrainError::Io`] or [`TrainError::Damaged`].
    pub fn best_model(
        &self,
        device: &Device,
        damaged: OnDamage<'_>,
    ) -> Result<(Gpt, CheckpointManifest), TrainError> {
        let (trainee, manifest) = self.load_best(MODEL_FILE, device, damaged)?;
        Ok((self.merged(trainee)?.transformer, manifest))
    }

    /// The model of the best intact checkpoint as it was trained, on the processor: an adapter stands beside frozen
    /// weights, which stay as they are kept. What to measure a tuned model by in no more memory than it was tuned in.
    ///
    /// # Errors
    /// As [`best_model`](Self::best_model).
    pub fn best_as_trained(
        &self,
        device: &Device,
        damaged: OnDamage<'_>,
    ) -> Result<(Gpt, CheckpointManifest), TrainError> {
        let (trainee, manifest) = self.load_best(MODEL_FILE, device, damaged)?;
        Ok((self.as_trained(trainee, device)?.transformer, manifest))
    }

    /// The frozen weights that the run trains an adapter beside, as a model; nothing where it keeps none, and on
    /// devices that have no kernels for them.
    ///
    /// # Errors
    /// [`TrainError::Weights`], and as [`tokenizer`](Self::tokenizer).
    pub fn frozen_base(&self, device: &Device) -> Result<Option<Gpt>, TrainError> {
        let Some(path) = self.base().filter(|_| keeps_frozen(device)) else { return Ok(None) };
        let model = Gpt::load_frozen(&path, &self.config()?.model, device)?;
        Ok(Some(model.with_tokenizer_size(self.tokenizer()?.vocab_size())))
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
        let path = self.path.join("adapter");
        let new = NewFolder::begin(&path)?;
        let saved = trainee.transformer.save_adapter(&lora, &finetune.base, new.path());
        saved.map_err(|error| new.named(TrainError::from(error)))?;
        new.finish_over()?;
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
    ) -> Result<(Classifier, CheckpointManifest), TrainError> {
        let (trainee, manifest) = self.load_best(MODEL_FILE, device, damaged)?;
        let trainee = self.as_trained(trainee, device)?;
        let labels = self.config()?.finetune.map(|finetune| finetune.labels).unwrap_or_default();
        match trainee.classifier(labels) {
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
    ) -> Result<(Gpt, CheckpointManifest), TrainError> {
        let (trainee, manifest) = self.load_best(self.average_file()?, device, damaged)?;
        Ok((self.merged(trainee)?.transformer, manifest))
    }

    /// The model of the checkpoint of `step`, and its manifest.
    ///
    /// # Errors
    /// [`TrainError::NoCheckpointOfStep`], [`TrainError::Io`] or [`TrainError::Damaged`].
    pub fn model_of_step(
        &self,
        step: usize,
        device: &Device,
    ) -> Result<(Gpt, CheckpointManifest), TrainError> {
        self.load_step(MODEL_FILE, step, device)
    }

    /// The moving average of the weights in the checkpoint of `step`.
    ///
    /// # Errors
    /// As [`model_of_step`](Self::model_of_step), and [`TrainError::NoAverage`] where the run keeps none.
    pub fn average_of_step(
        &self,
        step: usize,
        device: &Device,
    ) -> Result<(Gpt, CheckpointManifest), TrainError> {
        self.load_step(self.average_file()?, step, device)
    }

    /// The intact checkpoint of `step`.
    ///
    /// # Errors
    /// [`TrainError::NoCheckpointOfStep`], [`TrainError::Io`] or [`TrainError::Damaged`].
    pub(crate) fn set_of_step(&self, step: usize) -> Result<CheckpointManifest, TrainError> {
        let steps = self.checkpoints().steps()?;
        if !steps.contains(&step) {
            return Err(TrainError::NoCheckpointOfStep { path: self.path.clone(), step, steps });
        }
        self.checkpoints().intact(step)
    }

    fn load_step(
        &self,
        file: &str,
        step: usize,
        device: &Device,
    ) -> Result<(Gpt, CheckpointManifest), TrainError> {
        let manifest = self.set_of_step(step)?;
        let trainee = self.load(file, &manifest, device)?;
        Ok((self.merged(trainee)?.transformer, manifest))
    }

    fn average_file(&self) -> Result<&'static str, TrainError> {
        match self.config()?.training.ema_decay {
            Some(_) => Ok(AVERAGE_FILE),
            None => Err(TrainError::NoAverage { path: self.path.clone() }),
        }
    }

    /// The weights that the run trains an adapter beside, where they are frozen.
    pub(crate) fn base(&self) -> Option<PathBuf> {
        [BASE_FILE, EARLIER_BASE_FILE]
            .map(|file| self.path.join(file))
            .into_iter()
            .find(|path| path.exists())
    }

    /// The same, beside a checkpoint that holds the adapter alone.
    ///
    /// # Errors
    /// [`TrainError::NoBase`] where they are missing, [`TrainError::Io`] where the checkpoint's model cannot be seen.
    pub(crate) fn base_of(
        &self,
        manifest: &CheckpointManifest,
    ) -> Result<Option<PathBuf>, TrainError> {
        let base = self.base();
        if base.is_none() && self.config()?.lora().is_some() {
            let model = self.checkpoints().set(manifest.step).join(MODEL_FILE);
            let whole = manifest.model.parameter_counts().total() * size_of::<f32>();
            if fs_err::metadata(&model)?.len() < whole as u64 {
                return Err(TrainError::NoBase { path: self.path.join(BASE_FILE) });
            }
        }
        Ok(base)
    }

    /// What the frozen weights that an adapter is trained beside take in memory, where the run has some.
    ///
    /// # Errors
    /// [`TrainError::Weights`] where their file is damaged.
    pub fn frozen_bytes(&self) -> Result<Option<u64>, TrainError> {
        match self.base() {
            Some(path) => Ok(Gpt::saved_frozen_bytes(&path)?),
            None => Ok(None),
        }
    }

    /// Writes the weights of a new run that are frozen, once for all checkpoints.
    ///
    /// # Errors
    /// [`TrainError::Weights`] where they cannot be written.
    pub(crate) fn write_base(&self, model: &Gpt) -> Result<(), TrainError> {
        match model.frozen_type() {
            Some(frozen) => Ok(model.save_frozen(frozen, &self.path.join(BASE_FILE))?),
            None => Ok(()),
        }
    }

    /// The model as it was trained, where the device keeps frozen weights as they are, else merged.
    fn as_trained(&self, trainee: Trainee, device: &Device) -> Result<Trainee, TrainError> {
        match self.base().is_some() && keeps_frozen(device) {
            true => Ok(trainee.with_precision(self.config()?.training.precision)),
            false => self.merged(trainee),
        }
    }

    /// The model with its adapter merged into its weights.
    fn merged(&self, trainee: Trainee) -> Result<Trainee, TrainError> {
        Ok(trainee.thawed(self.config()?.lora())?.materialize())
    }

    fn load_best(
        &self,
        file: &str,
        device: &Device,
        damaged: OnDamage<'_>,
    ) -> Result<(Trainee, CheckpointManifest), TrainError> {
        let Some(manifest) = self.checkpoints().best(damaged)? else {
            return Err(TrainError::NoCheckpoint { path: self.path.clone() });
        };
        Ok((self.load(file, &manifest, device)?, manifest))
    }

    fn load(
        &self,
        file: &str,
        manifest: &CheckpointManifest,
        device: &Device,
    ) -> Result<Trainee, TrainError> {
        let path = self.checkpoints().verified_file(manifest, file)?;
        let damaged = |reason: String| TrainError::Damaged { path: path.clone(), reason };
        // Before memory is taken for a model: a manifest can claim any.
        manifest.model.validate().map_err(|error| damaged(format!("its manifest: {error}")))?;
        let (config, base) = (self.config()?, self.base_of(manifest)?);
        let parameters = match (&base, config.lora()) {
            (Some(_), Some(lora)) => lora.parameters(&manifest.model),
            _ => manifest.model.parameter_counts().total(),
        } as u64;
        let bytes = fs_err::metadata(&path)?.len();
        if bytes < parameters * size_of::<f32>() as u64 {
            return Err(damaged(format!(
                "{bytes} bytes cannot hold the {parameters} parameters of the model in its manifest"
            )));
        }
        let tokenizer_size = self.tokenizer()?.vocab_size();
        let transformer = match base {
            Some(base) => Gpt::load_frozen(&base, &manifest.model, device)?,
            None => Gpt::init(&manifest.model, 0, device)?,
        };
        let trainee = fresh_trainee(transformer.with_tokenizer_size(tokenizer_size), &config)?;
        let weights = (trainee.num_params() * size_of::<f32>()) as u64;
        if bytes > weights.saturating_add(HEAD) {
            let limit = Limit::new(weights.saturating_add(HEAD), "the weights of its model");
            return Err(damaged(limit.exceeded(file).to_string()));
        }
        check_finite(&path)?;
        trainee.try_load_record(read_record(&path)?).map_err(|error| damaged(error.to_string()))
    }
}

/// Whether a device computes with weights as files have them.
fn keeps_frozen(device: &Device) -> bool {
    Kernels::of(device) == Kernels::Cpu
}

/// The weights in a file that was checked against its checksum.
///
/// # Errors
/// [`TrainError::Damaged`].
pub(crate) fn read_record(path: &Path) -> Result<ModuleRecord, TrainError> {
    let damaged = |reason: String| TrainError::Damaged { path: path.to_owned(), reason };
    let record = caught(|| ModuleRecord::load(path)).map_err(damaged)?;
    record.map_err(|error| damaged(error.to_string()))
}
