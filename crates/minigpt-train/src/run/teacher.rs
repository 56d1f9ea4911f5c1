//! Runs that a run learns from: which checkpoint they were when it began, and that they still are.

use std::path::Path;

use burn::tensor::Device;
use minigpt_data::Tokenizer;
use minigpt_model::{Gpt, GptConfig, Precision};

use super::RunFolder;
use super::checkpoint::{CheckpointManifest, MODEL_FILE, OnDamage};
use crate::config::teacher::{TeacherConfig, TeacherModel};
use crate::error::TrainError;
use crate::optim::teachers::Teachers;

impl TeacherModel {
    /// The best intact checkpoint of a run, or the one whose folder is named.
    ///
    /// # Errors
    /// [`TrainError::Teacher`].
    pub fn at(path: &Path, damaged: OnDamage<'_>) -> Result<Self, TrainError> {
        let name = path.display().to_string();
        let wrong = |error: TrainError| about(&name, error);
        let manifest = match RunFolder::of_checkpoint(path) {
            Some((run, step)) => run.set_of_step(step).map_err(wrong)?,
            None => {
                let run = RunFolder::open(path).map_err(wrong)?;
                let best = run.checkpoints().best(damaged).map_err(wrong)?;
                let missing = || wrong(TrainError::NoCheckpoint { path: path.to_owned() });
                best.ok_or_else(missing)?
            }
        };
        let CheckpointManifest { step, mut sha256, .. } = manifest;
        let run = RunFolder::of_checkpoint(path)
            .map_or(name, |(run, _)| run.path().display().to_string());
        Ok(Self { run, step, sha256: sha256.remove(MODEL_FILE).unwrap_or_default() })
    }

    /// The model's shape, if it can teach a student of that tokenizer and context.
    ///
    /// # Errors
    /// [`TrainError::Teacher`].
    pub(crate) fn check(
        &self,
        tokenizer: &Tokenizer,
        student: &GptConfig,
    ) -> Result<GptConfig, TrainError> {
        let shape = self.shape_for(tokenizer, student);
        shape.map_err(|error| about(&self.run, error))
    }

    fn shape_for(
        &self,
        tokenizer: &Tokenizer,
        student: &GptConfig,
    ) -> Result<GptConfig, TrainError> {
        let run = self.folder()?;
        if run.is_classifier()? {
            return Err(self.refused("it is a classifier: expected a run that writes text"));
        }
        let own = run.tokenizer()?;
        if own.fingerprint()? != tokenizer.fingerprint()? {
            let (own, other) = (own.vocab_size(), tokenizer.vocab_size());
            return Err(self.refused(&format!(
                "its tokenizer ({own} ids) is not this run's ({other} ids): expected a run with the same text and tokenizer"
            )));
        }
        let shape = run.config()?.model;
        if shape.block_size < student.block_size {
            return Err(self.refused(&format!(
                "its context is {} tokens: expected at least this run's {}",
                shape.block_size, student.block_size
            )));
        }
        Ok(shape)
    }

    fn folder(&self) -> Result<RunFolder, TrainError> {
        RunFolder::open(Path::new(&self.run))
    }

    fn load(&self, device: &Device) -> Result<Gpt, TrainError> {
        let (model, manifest) = self.folder()?.model_of_step(self.step, device)?;
        match manifest.sha256.get(MODEL_FILE) == Some(&self.sha256) {
            true => Ok(model),
            false => Err(self.refused(&format!(
                "the weights of its checkpoint of step {} are not those that this run began with",
                self.step
            ))),
        }
    }

    fn refused(&self, reason: &str) -> TrainError {
        TrainError::Teacher { run: self.run.clone(), reason: reason.to_owned() }
    }
}

impl Teachers {
    /// The models that `config` names, on a device that does not differentiate.
    ///
    /// # Errors
    /// [`TrainError::Teacher`] where one cannot be had, or knows other tokens or a shorter context.
    pub(crate) fn load(
        config: &TeacherConfig,
        tokenizer: &Tokenizer,
        student: &GptConfig,
        precision: Precision,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let load = |teacher: &TeacherModel| {
            teacher.check(tokenizer, student)?;
            let model = teacher.load(device).map_err(|error| about(&teacher.run, error))?;
            Ok(model.with_precision(precision))
        };
        let models = config.models.iter().map(load).collect::<Result<_, TrainError>>()?;
        Ok(Self { models, weight: config.weight, temperature: config.temperature })
    }
}

/// The error, with the teacher that it is about.
fn about(run: &str, error: TrainError) -> TrainError {
    match error {
        TrainError::Teacher { .. } => error,
        other => TrainError::Teacher { run: run.to_owned(), reason: other.to_string() },
    }
}
