//! From a configuration and prepared data to a finished run: a new one, one that tunes a model, one that goes on.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use burn::module::Module;
use burn::train::{Interrupter, SupervisedTraining, TrainingStrategy};
use minigpt_data::Tokenizer;
use minigpt_model::{GenerateError, Generator, Gpt, Kernels};
use minigpt_text::GenerationDefaults;

use super::Engine;
use super::devices::Devices;
use super::event::{Observer, TrainEvent};
use super::reference::{referred, with_references};
use super::renderer::Silent;
use super::sample::sample;
use super::state::{RunState, validations_without_a_best};
use crate::config::{RunConfig, TrainingConfig};
use crate::data::length::Length;
use crate::data::pairs::References;
use crate::data::tokens::TokenData;
use crate::error::TrainError;
use crate::optim::average::Average;
use crate::optim::optimizer::learner;
use crate::optim::schedule::Schedule;
use crate::optim::teachers::Teachers;
use crate::optim::trainee::{Trainee, fresh_trainee};
use crate::run::checkpoint::{
    AVERAGE_FILE, AlwaysSave, CheckpointFolder, CheckpointManifest, OnDamage, SetWriter, restore,
};
use crate::run::curves::{Quantity, draw_run};
use crate::run::metrics::read_rows;
use crate::run::models::read_record;
use crate::run::start::StartFigures;
use crate::run::summary::{End, Summary};
use crate::run::{Environment, RunFolder, write_json};

/// What a run is made of beside its configuration: where it goes, what it learns, what computes, who stops it and who
/// hears of it.
pub struct Trainer<'a> {
    /// The run's folder.
    pub folder: &'a Path,
    /// What is learnt, and what is held out.
    pub data: TokenData,
    /// A device, or several that share each batch: the result is that of one of them, up to the rounding of
    /// sums; dropout then draws other masks, and not the same each time.
    pub devices: Devices,
    /// Stops the run after the step under way: validation and a checkpoint follow.
    pub interrupter: Interrupter,
    /// Hears of each event.
    pub observer: Observer,
}

impl Trainer<'_> {
    /// Trains a fresh model as `config` says and leaves everything in a new run folder.
    ///
    /// # Errors
    /// [`TrainError`]. Nothing is written before all that can be checked has been; what the folder holds
    /// by the time of a later error stays.
    pub fn train(
        self,
        config: &RunConfig,
        environment: &Environment,
    ) -> Result<Summary, TrainError> {
        Length::new(config, &self.data)?;
        self.data.check_vocabulary(&config.model)?;
        let model = fresh_model(config, &self.devices)?;
        self.train_in_new_folder(config, environment, model, &GenerationDefaults::default())
    }

    /// Trains `base` further as `config` says, whose [`finetune`](RunConfig::finetune) says what for, and
    /// leaves everything in a new run folder. The base is validated and saved before the first step, as the
    /// checkpoint of step 0. `generation` is how its makers have its texts drawn, which the run keeps.
    ///
    /// # Errors
    /// As [`train`](Self::train), and [`TrainError::OtherBase`] where the base is not of the shape that
    /// `config` has.
    pub fn finetune(
        self,
        config: &RunConfig,
        environment: &Environment,
        base: Gpt,
        generation: &GenerationDefaults,
    ) -> Result<Summary, TrainError> {
        Length::new(config, &self.data)?;
        self.data.check_vocabulary(&config.model)?;
        let model = match base.is_frozen() {
            true => tuned_base(base, config)?,
            // Not the base itself, whose dropout is its own.
            false => fresh_model(config, &self.devices)?
                .try_load_record(base.into_record())
                .map_err(|error| TrainError::OtherBase { reason: error.to_string() })?,
        };
        self.train_in_new_folder(config, environment, model, generation)
    }

    fn train_in_new_folder(
        self,
        config: &RunConfig,
        environment: &Environment,
        model: Gpt,
        generation: &GenerationDefaults,
    ) -> Result<Summary, TrainError> {
        let trainee = trainee(model, config, &self.data, &self.devices)?;
        check_sample_prompt(&trainee.transformer, config, &self.data.tokenizer)?;
        RunFolder::check_free(self.folder)?;
        let (manifest, mut observer) = (manifest(config, &self.data)?, self.observer);
        // Before there is a folder: who ends the program meanwhile leaves nothing behind.
        let (data, references) =
            referred(self.data, &trainee, config, &self.devices, &mut observer)?;
        let (run, _lock) = RunFolder::create(self.folder)?;
        generation.write(run.path())?;
        run.write_base(&trainee.transformer)?;
        if let Some(references) = &references {
            write_json(&run.references_path(), references)?;
        }
        let figures = StartFigures::new(config, &data);
        run.write_start(config, environment, &figures, &data.tokenizer)?;
        let start = Start {
            manifest,
            tokenizer_file: run.tokenizer_file()?,
            config: config.clone(),
            state: RunState::new(observer, average(config, &trainee)),
            run,
            trainee,
            checkpoint: None,
        };
        start.fit(data, self.devices, self.interrupter)
    }

    /// Continues the run in the folder from its last intact checkpoint, or from its start where it has none
    /// yet, as if it had never stopped: on the same device the final weights are the same to the bit.
    ///
    /// burn places a loaded optimiser's state on its default device before it moves to ours; a program built
    /// with the `gpu` feature for machines without one sets `BURN_DEVICE=flex`.
    ///
    /// # Errors
    /// [`TrainError`]: no run or no intact checkpoint there, other text than the run's, or as
    /// [`train`](Self::train).
    pub fn resume(self) -> Result<Summary, TrainError> {
        let run = RunFolder::open(self.folder)?;
        let _lock = run.lock()?;
        self.resume_locked(run)
    }

    /// The same in a folder that nobody else trains in.
    pub(crate) fn resume_locked(self, run: RunFolder) -> Result<Summary, TrainError> {
        let Self { folder, data, devices, interrupter, mut observer } = self;
        let config = run.config()?;
        let checkpoints = run.checkpoints();
        checkpoints.finish_written()?;
        let tokenizer_file = run.tokenizer_file()?;
        let expected = manifest(&config, &data)?;
        let found = checkpoint_to_resume(&run, &config, &data, &mut |error| {
            observer(TrainEvent::Damaged { message: error.to_string() });
        })?;
        let has_set = found.is_some();
        let manifest = match found {
            Some(manifest) => manifest,
            // What it tunes is not in the folder yet.
            None if config.finetune.is_some() => {
                return Err(TrainError::NoCheckpoint { path: folder.to_owned() });
            }
            // Stopped before its first checkpoint, the run begins again.
            None => CheckpointManifest {
                tokenizer_sha256: run.tokenizer()?.fingerprint()?,
                ..expected.clone()
            },
        };
        let step = manifest.step;
        check_same(&manifest, &expected, folder, &checkpoints)?;

        let data = with_references(data, |pairs| References::read(&run.references_path(), pairs))?;
        let base = if has_set { run.base_of(&manifest)? } else { run.base() };
        let model = match base {
            Some(base) => {
                let device = devices.main.clone().autodiff();
                if Kernels::of(&device) != Kernels::Cpu {
                    return Err(TrainError::FrozenElsewhere { path: base });
                }
                tuned_base(Gpt::load_frozen(&base, &config.model, &device)?, &config)?
            }
            None => fresh_model(&config, &devices)?,
        };
        let trainee = trainee(model, &config, &data, &devices)?;
        let mut average = average(&config, &trainee);
        if let Some(average) = average.as_mut().filter(|_| has_set) {
            let path = checkpoints.verified_file(&manifest, AVERAGE_FILE)?;
            let restored = average.restore(read_record(&path)?);
            restored.map_err(|reason| TrainError::Damaged { path, reason })?;
        }
        let mut repaired = |message: String| observer(TrainEvent::Repaired { message });
        checkpoints.set_aside_after(step, &mut repaired)?;
        // It tells of an earlier end; killed from here on, the run has none.
        run.forget_end()?;
        let rows = run.forget_after(step, &mut repaired)?;
        let mut state = RunState::resumed(observer, average, step, rows, &data.valid);
        state.forget_lost(config.seam(), &checkpoints.steps()?);
        let checkpoint = has_set.then_some(step);
        let start = Start { run, config, trainee, checkpoint, manifest, tokenizer_file, state };
        start.fit(data, devices, interrupter)
    }
}

/// The model that `config` begins with, on the device that keeps the weights.
fn fresh_model(config: &RunConfig, devices: &Devices) -> Result<Gpt, TrainError> {
    let device = devices.main.clone().autodiff();
    Ok(Gpt::init(&config.model, config.training.seed, &device)?)
}

/// A frozen base, with the dropout of the run.
fn tuned_base(base: Gpt, config: &RunConfig) -> Result<Gpt, TrainError> {
    let base = base.with_dropout_of(&config.model);
    if *base.config() != config.model {
        let reason = "its shape is not that of the run".to_owned();
        return Err(TrainError::OtherBase { reason });
    }
    Ok(base)
}

/// The model as a run of these data trains it, with its teachers.
fn trainee(
    model: Gpt,
    config: &RunConfig,
    data: &TokenData,
    devices: &Devices,
) -> Result<Trainee, TrainError> {
    let (precision, tokenizer) = (config.training.precision, &data.tokenizer);
    let model = model.with_precision(precision).with_tokenizer_size(tokenizer.vocab_size());
    let trainee = fresh_trainee(model, config)?;
    let Some(teacher) = &config.training.teacher else { return Ok(trainee) };
    if devices.count() > 1 {
        return Err(TrainError::TeacherDevices { count: devices.count() });
    }
    let device = devices.main.clone().inner();
    let teachers = Teachers::load(teacher, tokenizer, &config.model, precision, &device)?;
    Ok(trainee.with_teachers(teachers))
}

/// The set from which the run goes on, or none where it has not taken one yet.
///
/// # Errors
/// [`TrainError::NoCheckpoint`] where no set is intact, [`TrainError::Complete`] or
/// [`TrainError::OutOfPatience`] where the run has ended, or as [`Length::new`].
pub(crate) fn checkpoint_to_resume(
    run: &RunFolder,
    config: &RunConfig,
    data: &TokenData,
    damaged: OnDamage<'_>,
) -> Result<Option<CheckpointManifest>, TrainError> {
    let length = Length::new(config, data)?;
    let (checkpoints, path) = (run.checkpoints(), run.path().to_owned());
    let Some(manifest) = checkpoints.last(damaged)? else {
        return match checkpoints.is_empty()? {
            true => Ok(None),
            false => Err(TrainError::NoCheckpoint { path }),
        };
    };
    let steps = manifest.step;
    if manifest.validation.is_none() {
        return Ok(Some(manifest));
    }
    // Killed after its last step, a run lacks what is written at its end.
    if steps >= length.total_steps && run.summary_path().exists() {
        return Err(TrainError::Complete { path, steps });
    }
    // Without them, patience begins anew.
    let (mut rows, _) = read_rows(&run.metrics_path()).unwrap_or_default();
    rows.retain(|row| row.step <= steps);
    let validations = validations_without_a_best(&rows, config.seam());
    match config.training.patience {
        Some(patience) if validations >= patience => {
            Err(TrainError::OutOfPatience { path, steps, validations })
        }
        _ => Ok(Some(manifest)),
    }
}

fn average(config: &RunConfig, trainee: &Trainee) -> Option<Average> {
    config.training.ema_decay.map(|decay| Average::new(decay, trainee.valid()))
}

/// What every checkpoint of a run with these data says.
pub(crate) fn manifest(
    config: &RunConfig,
    data: &TokenData,
) -> Result<CheckpointManifest, TrainError> {
    let model = config.model.clone();
    Ok(CheckpointManifest::new(0, model, data.fingerprint(), data.tokenizer.fingerprint()?))
}

/// Refuses a checkpoint of another model, and data that are not the checkpoint's.
pub(crate) fn check_same(
    found: &CheckpointManifest,
    expected: &CheckpointManifest,
    path: &Path,
    checkpoints: &CheckpointFolder,
) -> Result<(), TrainError> {
    let path = path.to_owned();
    if found.model != expected.model {
        let reason = "its model is not the one in the run's config.json".to_owned();
        return Err(TrainError::Damaged { path: checkpoints.set(found.step), reason });
    }
    if found.tokenizer_sha256 != expected.tokenizer_sha256 {
        return Err(TrainError::OtherTokenizer { path });
    }
    if found.data_sha256 != expected.data_sha256 {
        return Err(TrainError::OtherData { path });
    }
    Ok(())
}

/// Where the loop begins: a fresh model, or a checkpoint.
struct Start {
    run: RunFolder,
    config: RunConfig,
    trainee: Trainee,
    /// The step of the set to go on from, where there is one.
    checkpoint: Option<usize>,
    /// What every checkpoint of the run says of itself.
    manifest: CheckpointManifest,
    tokenizer_file: Vec<u8>,
    state: RunState,
}

impl Start {
    /// Trains to the end, and leaves pictures and summary.
    fn fit(
        self,
        data: TokenData,
        devices: Devices,
        interrupter: Interrupter,
    ) -> Result<Summary, TrainError> {
        let Self { run, config, trainee, checkpoint, manifest, tokenizer_file, mut state } = self;
        let is_scaled = config.training.precision.needs_loss_scale(&devices.main);
        state.loss_scale = is_scaled.then(|| manifest.loss_scale.unwrap_or_default());
        let length = Length::new(&config, &data)?;
        let (validating, devices) = (devices.main.clone(), devices.autodiff());
        let first_step = state.step;
        let block_size = config.window();
        let TrainingConfig { batch_size, seed, keep_last, .. } = config.training;
        let steps = first_step..length.total_steps;
        let train_batches =
            data.train.train_loader(block_size, batch_size, seed, steps, &devices.main)?;
        let valid_batches = data.valid.valid_loader(block_size, batch_size, &validating)?;

        let schedule = Schedule::new(config.schedule.clone(), length.total_steps);
        let branch_point = schedule.branch_point();
        let mut learner = learner(trainee, &config.optimizer, schedule);
        if let Some(step) = checkpoint {
            restore(&mut learner, &run.checkpoints().set(step))?;
        }
        let sets = SetWriter::new(run.checkpoints(), keep_last, branch_point);
        #[expect(
            clippy::arc_with_non_send_sync,
            reason = "burn-train takes a strategy in an Arc and drives it on this thread"
        )]
        let engine = Arc::new(Engine {
            config: config.clone(),
            run: run.clone(),
            tokenizer: data.tokenizer.clone(),
            tokenizer_file,
            valid_batches: data.valid.batches(block_size, batch_size)?,
            valid: data.valid,
            length,
            branch_point,
            devices,
            sets: sets.clone(),
            manifest: CheckpointManifest { sha256: BTreeMap::new(), ..manifest },
            state: RefCell::new(state),
        });
        let [model, optim, scheduler] = sets.parts();
        let training = SupervisedTraining::new(run.path(), train_batches, valid_batches)
            .with_training_strategy(TrainingStrategy::Custom(engine.clone()))
            .with_custom_checkpointers(model, optim, scheduler)
            .with_checkpointing_strategy(AlwaysSave)
            .with_application_logger(None)
            .with_interrupter(interrupter)
            .renderer(Box::new(Silent));
        let result = training.launch(learner);

        let mut state = engine.state.borrow_mut();
        let end = std::mem::replace(&mut state.outcome, Ok(End::Complete))?;
        if let Some(error) = result.error {
            return Err(TrainError::Learner(error.to_string()));
        }
        draw_run(&run, &config, &state.rows, &Quantity::ALL)?;
        let samples = match end {
            // Whoever interrupts a run does not wait for its texts.
            End::Interrupted => Vec::new(),
            _ => (0..3)
                .map(|index| {
                    sample(&result.model, &data.tokenizer, &config, seed.wrapping_add(index))
                })
                .collect::<Result<_, _>>()?,
        };
        let summary = state.summary(end, samples);
        write_json(&run.summary_path(), &summary)?;
        Ok(summary)
    }
}

/// A prompt that does not fit is better refused now than at the first validation.
fn check_sample_prompt(
    model: &Gpt,
    config: &RunConfig,
    tokenizer: &Tokenizer,
) -> Result<(), TrainError> {
    let prompt = config.sample_prompt(tokenizer);
    let prompt = prompt.map_err(|error| TrainError::SamplePrompt(error.to_string()))?;
    let sampling = config.sample.sampling.clone();
    Generator::new(model, prompt.ids(), sampling, 0).map(drop).map_err(|error| match error {
        GenerateError::Prompt(error) => TrainError::SamplePrompt(error.to_string()),
        GenerateError::Sampling(error) => error.into(),
    })
}
