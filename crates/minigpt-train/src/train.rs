//! From a configuration and prepared data to a finished run.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;

use burn::module::ParamGroup;
use burn::optim::{AdamWConfig, ModuleOptimizer};
use burn::tensor::Device;
use burn::train::{Interrupter, Learner, SupervisedTraining, TrainingStrategy};
use minigpt_data::{Passes, TokenSplit, TokenStore, Tokenizer};
use minigpt_model::{Generator, Gpt};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::batches::{train_loader, valid_loader};
use crate::checkpoint::{AlwaysSave, SetWriter};
use crate::config::{OptimizerConfig, RunConfig, TrainingConfig};
use crate::engine::{Engine, Observer, Progress, TrainEvent, sample};
use crate::error::TrainError;
use crate::metrics::read_metrics;
use crate::renderer::Silent;
use crate::run::{Environment, RunFolder, write_json};
use crate::schedule::WarmupCosine;
use crate::summary::Summary;
use crate::trainee::Trainee;

/// The text of a run as tokens.
#[derive(Clone)]
pub struct TokenData {
    /// What made the tokens.
    pub tokenizer: Tokenizer,
    /// What is learnt.
    pub train: TokenSplit,
    /// What is held out.
    pub valid: TokenSplit,
}

impl From<&TokenStore> for TokenData {
    fn from(store: &TokenStore) -> Self {
        Self {
            tokenizer: store.tokenizer().clone(),
            train: store.train().clone(),
            valid: store.valid().clone(),
        }
    }
}

/// Tokens hashed at a time, so that a text larger than memory can be.
const FINGERPRINT_CHUNK: usize = 1 << 20;

impl TokenData {
    /// SHA-256 of the training tokens in hexadecimal: a resumed run must see the same.
    pub fn fingerprint(&self) -> String {
        let mut digest = Sha256::new();
        let all = self.train.len();
        for start in (0..all).step_by(FINGERPRINT_CHUNK) {
            for id in self.train.ids(start..all.min(start + FINGERPRINT_CHUNK)) {
                digest.update(id.to_le_bytes());
            }
        }
        digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// How long a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Length {
    /// Steps in one pass over the training text.
    pub steps_per_pass: usize,
    /// Steps of the run.
    pub total_steps: usize,
    /// Steps between validations.
    pub eval_every: usize,
}

impl Length {
    /// The length of a run with these data.
    ///
    /// # Errors
    /// [`TrainError::Data`] where a split is too small for one window.
    pub fn new(config: &RunConfig, data: &TokenData) -> Result<Self, TrainError> {
        let block_size = config.model.block_size;
        data.valid.windows(block_size)?;
        let passes = Passes::new(data.train.windows(block_size)?, config.training.seed);
        let steps_per_pass = passes.windows_per_pass().div_ceil(config.training.batch_size);
        let whole_passes = steps_per_pass * config.training.epochs;
        let total_steps = config.training.max_steps.unwrap_or(whole_passes);
        let eval_every = config.training.eval_every.unwrap_or(steps_per_pass);
        Ok(Self { steps_per_pass, total_steps, eval_every })
    }

    /// True where a validation follows `step`, counted from 1.
    pub(crate) fn is_due(&self, step: usize) -> bool {
        step.is_multiple_of(self.eval_every) || step == self.total_steps
    }

    /// Passes over the training text after `step` steps.
    pub(crate) fn passes(&self, step: usize) -> f64 {
        step as f64 / self.steps_per_pass as f64
    }
}

/// Trains a fresh model as `config` says and leaves everything in a new run folder at `path`.
///
/// `interrupter` stops the run after the step under way: validation and a checkpoint follow.
///
/// # Errors
/// [`TrainError`]. Nothing is written before all that can be checked has been; what the folder holds
/// by the time of a later error stays.
pub fn train(
    path: &Path,
    config: &RunConfig,
    environment: &Environment,
    data: TokenData,
    device: &Device,
    interrupter: Interrupter,
    observer: Observer,
) -> Result<Summary, TrainError> {
    config.validate()?;
    Length::new(config, &data)?;
    let transformer = Gpt::init(&config.model, config.training.seed, &device.clone().autodiff())?;
    check_sample_prompt(&transformer, config, &data.tokenizer)?;
    let run = RunFolder::create(path)?;
    run.write_start(config, environment, &data.tokenizer)?;
    let progress = Progress::new(observer, data.fingerprint());
    go(&run, config, data, transformer, device, interrupter, progress)
}

/// Continues the run in the folder `path` from its last intact checkpoint, as if it had never
/// stopped: on the same device the final weights are the same to the bit.
///
/// burn places a loaded optimiser's state on its default device before it moves to `device`; a
/// program built with the `gpu` feature for machines without one sets `BURN_DEVICE=flex`.
///
/// # Errors
/// [`TrainError`]: no run or no intact checkpoint there, other text than the run's, or as [`train`].
pub fn resume(
    path: &Path,
    data: TokenData,
    device: &Device,
    interrupter: Interrupter,
    mut observer: Observer,
) -> Result<Summary, TrainError> {
    let run = RunFolder::open(path)?;
    let config = run.config()?;
    config.validate()?;
    let length = Length::new(&config, &data)?;
    let checkpoints = run.checkpoints();
    let damaged = &mut |error: TrainError| observer(TrainEvent::Damaged(error.to_string()));
    let Some(manifest) = checkpoints.last_intact(damaged)? else {
        return Err(TrainError::NoCheckpoint { path: path.to_owned() });
    };
    if manifest.step >= length.total_steps {
        return Err(TrainError::Complete { path: path.to_owned(), steps: manifest.step });
    }
    if manifest.data_sha256 != data.fingerprint() {
        return Err(TrainError::OtherData { path: path.to_owned() });
    }
    checkpoints.forget_after(manifest.step)?;
    run.forget_after(manifest.step)?;
    let transformer = Gpt::init(&config.model, config.training.seed, &device.clone().autodiff())?;
    let rows = read_metrics(&run.metrics_path())?;
    let progress = Progress::resumed(observer, &manifest, rows);
    go(&run, &config, data, transformer, device, interrupter, progress)
}

/// Trains from where `progress` stands to the end.
fn go(
    run: &RunFolder,
    config: &RunConfig,
    data: TokenData,
    transformer: Gpt,
    device: &Device,
    interrupter: Interrupter,
    progress: Progress,
) -> Result<Summary, TrainError> {
    let length = Length::new(config, &data)?;
    let training = device.clone().autodiff();
    let first_step = progress.first_step;
    let block_size = config.model.block_size;
    let TrainingConfig { batch_size, seed, keep_last, .. } = config.training;
    let passes = Passes::new(data.train.windows(block_size)?, seed);
    let train_batches = train_loader(passes, batch_size, first_step..length.total_steps, &training);
    let valid_batches = valid_loader(data.valid.windows(block_size)?, batch_size, device);

    let schedule = WarmupCosine::new(config.schedule.clone(), length.total_steps);
    let learner = Learner::new(Trainee { transformer }, optimizer(&config.optimizer), schedule);
    let sets = SetWriter::new(run.checkpoints(), keep_last);
    #[expect(
        clippy::arc_with_non_send_sync,
        reason = "burn-train takes a strategy in an Arc and drives it on this thread"
    )]
    let engine = Arc::new(Engine {
        config: config.clone(),
        run: run.clone(),
        tokenizer: data.tokenizer.clone(),
        valid: data.valid,
        length,
        device: training,
        sets: sets.clone(),
        progress: RefCell::new(progress),
    });
    let [model, optim, scheduler] = sets.parts();
    let mut training = SupervisedTraining::new(run.path(), train_batches, valid_batches)
        .with_training_strategy(TrainingStrategy::Custom(engine.clone()))
        .with_custom_checkpointers(model, optim, scheduler)
        .with_checkpointing_strategy(AlwaysSave)
        .with_application_logger(None)
        .with_interrupter(interrupter)
        .renderer(Box::new(Silent));
    if first_step > 0 {
        training = training.checkpoint(first_step);
    }
    let result = training.launch(learner);

    if let Some(failure) = engine.progress.borrow_mut().failure.take() {
        return Err(failure);
    }
    if let Some(error) = result.error {
        return Err(TrainError::Learner(error.to_string()));
    }
    let samples = (0..3)
        .map(|index| sample(&result.model.transformer, &data.tokenizer, config, seed + index))
        .collect::<Result<_, _>>()?;
    let progress = engine.progress.borrow();
    let Some(summary) = Summary::new(&progress, length.total_steps, samples) else {
        return Err(TrainError::NoCheckpoint { path: run.path().to_owned() });
    };
    write_json(&run.summary_path(), &summary)?;
    Ok(summary)
}

/// A prompt that does not fit is better refused now than at the first validation.
fn check_sample_prompt(
    model: &Gpt,
    config: &RunConfig,
    tokenizer: &Tokenizer,
) -> Result<(), TrainError> {
    let prompt = tokenizer.encode(&config.sample.prompt)?;
    Generator::new(model, &prompt, config.sample.sampling.clone(), 0)?;
    Ok(())
}

/// AdamW, with decay on the matrices only: a decayed bias or scale costs capacity and regularises
/// nothing.
fn optimizer(config: &OptimizerConfig) -> ModuleOptimizer {
    let adamw = |weight_decay: f32| {
        AdamWConfig::new()
            .with_beta_1(config.beta_1)
            .with_beta_2(config.beta_2)
            .with_epsilon(config.epsilon)
            .with_weight_decay(weight_decay)
            .build()
    };
    let matrices = ParamGroup::from_regex(r"(wte|wpe|c_attn|c_proj|c_fc)\.weight$");
    let matrices = matrices.expect("a regular expression that compiles");
    ModuleOptimizer::from(adamw(0.0)).with_group(matrices, adamw(config.weight_decay), None)
}
