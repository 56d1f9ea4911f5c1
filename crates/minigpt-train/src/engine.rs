//! The loop: burn-train's learner driven step by step, with validation, samples and checkpoints
//! between.

pub(crate) mod continuation;
pub(crate) mod devices;
pub(crate) mod event;
mod figures;
mod reference;
mod renderer;
mod sample;
mod state;
pub(crate) mod trainer;

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Instant;

use burn::module::Module;
use burn::train::{
    InferenceStep, Learner, SupervisedLearningStrategy, SupervisedTrainingEventProcessor,
    TrainLoader, TrainingComponents, ValidLoader,
};
use minigpt_data::Tokenizer;
use minigpt_eval::Evaluation;
use minigpt_model::Kernels;

use self::devices::{Devices, Team, guarded};
use self::event::TrainEvent;
use self::figures::{floats, mean_of, read_figures};
use self::sample::sample;
use self::state::{RunState, validations_without_a_best};
use crate::config::RunConfig;
use crate::data::batches::TokenBatch;
use crate::data::length::Length;
use crate::data::token_set::TokenSet;
use crate::error::TrainError;
use crate::optim::clip::clip_global_norm;
use crate::optim::loss_scale::LossScale;
use crate::optim::step::{StepLoss, move_weights};
use crate::optim::trainee::Trainee;
use crate::run::checkpoint::{AVERAGE_FILE, CheckpointManifest, SetWriter, TOKENIZER_FILE};
use crate::run::curves::{Quantity, draw_run};
use crate::run::metrics::MetricsWriter;
use crate::run::row::{Row, RowSplit};
use crate::run::summary::End;
use crate::run::{RunFolder, SAMPLE_HEADING};

/// What a pass over the validation split gives. Of preferences, the sum of their margins and how many are above 0 come
/// with it.
type Validated = (Evaluation, Option<[f64; 2]>);

/// Our training strategy for burn-train: validation, checkpoints and interruption by steps, where
/// burn's own strategies know only epochs.
pub(crate) struct Engine {
    pub(crate) config: RunConfig,
    pub(crate) run: RunFolder,
    pub(crate) tokenizer: Tokenizer,
    /// The run's `tokenizer.json`, which every checkpoint has a copy of.
    pub(crate) tokenizer_file: Vec<u8>,
    pub(crate) valid: TokenSet,
    /// Batches of a validation.
    pub(crate) valid_batches: usize,
    pub(crate) length: Length,
    /// The step of the checkpoint that longer runs go on from.
    pub(crate) branch_point: Option<usize>,
    /// Differentiating.
    pub(crate) devices: Devices,
    pub(crate) sets: Arc<SetWriter>,
    /// What every checkpoint of the run says of itself.
    pub(crate) manifest: CheckpointManifest,
    pub(crate) state: RefCell<RunState>,
}

impl SupervisedLearningStrategy<Trainee> for Engine {
    fn fit(
        &self,
        components: TrainingComponents<Trainee>,
        mut learner: Learner<Trainee>,
        train: TrainLoader<Trainee>,
        valid: ValidLoader<Trainee>,
        _starting_epoch: usize,
    ) -> (Trainee, SupervisedTrainingEventProcessor<Trainee>) {
        let TrainingComponents {
            mut checkpointer, interrupter, event_store, event_processor, ..
        } = components;
        learner.fork(&self.devices.main);
        let save = |learner: &Learner<Trainee>, step: usize| {
            if let Some(checkpointer) = &mut checkpointer {
                // The set is read on threads of its own. A GPU's weights and moments are read while it
                // does nothing else: what it was told is done before, and the next step waits.
                let main = self.devices.main.clone().inner();
                let is_gpu = Kernels::of(&main) != Kernels::Cpu;
                if is_gpu && let Err(error) = main.sync() {
                    return Err(TrainError::device(&error.to_string()));
                }
                checkpointer.checkpoint(learner, step, &event_store);
                if is_gpu {
                    self.sets.wait();
                }
            }
            Ok(())
        };
        let stop = || interrupter.should_stop();
        let outcome = guarded(|| self.steps(&mut learner, &train, &valid, save, stop));
        let outcome = outcome.and_then(|ended| ended);
        // Waits until the last checkpoint is written.
        drop(checkpointer);
        let written = self.sets.check();
        self.state.borrow_mut().outcome = outcome.and_then(|end| written.map(|()| end));
        (learner.model(), event_processor)
    }
}

impl Engine {
    fn steps(
        &self,
        learner: &mut Learner<Trainee>,
        train: &TrainLoader<Trainee>,
        valid: &ValidLoader<Trainee>,
        mut save: impl FnMut(&Learner<Trainee>, usize) -> Result<(), TrainError>,
        stop: impl Fn() -> bool,
    ) -> Result<End, TrainError> {
        let team = Team::new(&self.devices);
        let first_step = self.state.borrow().step;
        let mut metrics =
            MetricsWriter::append(&self.run.metrics_path(), self.run.path(), first_step)?;
        if self.is_validation_left_out(first_step) {
            let validation = self.validate(learner, valid, &mut metrics, &stop)?;
            self.begin_set(validation, &metrics)?;
            save(learner, first_step)?;
            if let Some(end) = self.end_of_validations(&stop) {
                return Ok(end);
            }
        }
        let left = self.length.total_steps - first_step;
        for batch in train.iter().take(left) {
            let batch = batch.map_err(|error| TrainError::Learner(error.to_string()))?;
            let step = self.step(&team, learner, batch, &mut metrics)?;
            self.sets.check()?;

            let end = self.end_of_steps(step, &stop);
            let is_due = self.length.is_due(step) || end == Some(End::OutOfTime);
            let validation = match end {
                Some(End::Interrupted) => None,
                _ if is_due => self.validate(learner, valid, &mut metrics, &stop)?,
                _ => None,
            };
            let saves = self.length.saves(step) || self.branch_point == Some(step);
            if is_due || end.is_some() || saves {
                self.begin_set(validation, &metrics)?;
                save(learner, step)?;
            }
            if is_due {
                draw_run(&self.run, &self.config, &self.state.borrow().rows, &[Quantity::Loss])?;
            }
            if let Some(end) = end.or_else(|| self.end_of_validations(&stop)) {
                return Ok(end);
            }
        }
        Ok(End::Complete)
    }

    /// One step: the weights follow the gradient of a batch, and a row says how it went.
    fn step(
        &self,
        team: &Team,
        learner: &mut Learner<Trainee>,
        mut batch: TokenBatch,
        metrics: &mut MetricsWriter,
    ) -> Result<usize, TrainError> {
        let began = Instant::now();
        let step = self.state.borrow().step + 1;
        // Dropout's chances follow from seed and step alone, so that no state need be saved.
        self.devices.seed(self.config.training.seed.wrapping_add((step as u64) << 32));
        let loss_scale = self.state.borrow().loss_scale;
        batch.loss_scale = loss_scale.map_or(1.0, LossScale::factor);
        let scale = batch.loss_scale;
        let output = team.step(&learner.model(), batch)?;
        let grad_clip = self.config.optimizer.grad_clip;
        let (gradients, norm) = clip_global_norm(&learner.model(), output.grads, grad_clip, scale);
        learner.lr_step();

        let StepLoss { nats, predicted, preferences } = output.item;
        let (nats, grad_norm, preferred) = read_figures(nats, norm, preferences)?;
        let [margin, accuracy] = mean_of(preferred, predicted);
        let loss = nats / predicted as f64;
        let learning_rate = learner.lr_current().base();
        let mut state = self.state.borrow_mut();
        let smaller = loss_scale.and_then(LossScale::after_an_overflow);
        let is_overflow = loss.is_finite() && !grad_norm.is_finite() && smaller.is_some();
        if is_overflow {
            state.loss_scale = smaller;
            let message =
                format!("step {step}: 16-bit gradients overflow at a loss scale of {scale}");
            state.tell(TrainEvent::Skipped { message });
        } else if loss.is_finite() && grad_norm.is_finite() {
            state.loss_scale = loss_scale.map(LossScale::after_a_step);
            move_weights(learner, gradients);
            if let Some(average) = &mut state.average {
                average.follow(&learner.model().valid(), step);
            }
        } else {
            let error = self.non_finite(step, loss, learning_rate, grad_norm);
            if state.bad_steps() >= self.config.training.skip_bad_steps {
                return Err(error);
            }
            state.tell(TrainEvent::Skipped { message: error.to_string() });
        }
        state.step = step;
        state.tokens += predicted as u64;
        let row = Row {
            split: RowSplit::Train,
            step,
            passes: self.length.passes(step),
            tokens: state.tokens,
            loss,
            learning_rate: Some(learning_rate),
            grad_norm: Some(grad_norm).filter(|_| !is_overflow),
            tokens_per_second: predicted as f64 / began.elapsed().as_secs_f64(),
            seconds: state.seconds(),
            margin,
            accuracy,
        };
        metrics.write(&row)?;
        state.rows.push(row.clone());
        state.tell(TrainEvent::Step(row));
        Ok(step)
    }

    fn non_finite(&self, step: usize, loss: f64, learning_rate: f64, grad_norm: f64) -> TrainError {
        let last = step * self.config.training.batch_size - 1;
        let first = last + 1 - self.config.training.batch_size;
        let kept = self.newest_checkpoint();
        TrainError::NonFinite { step, loss, learning_rate, grad_norm, first, last, kept }
    }

    /// The step of the last checkpoint that is written, or is being written.
    fn newest_checkpoint(&self) -> Option<usize> {
        self.sets.wait();
        self.run.checkpoints().steps().ok()?.pop()
    }

    /// The whole validation split by the weights and by their average, and a sample; nothing where
    /// it was asked to stop before its end.
    fn validate(
        &self,
        learner: &Learner<Trainee>,
        batches: &ValidLoader<Trainee>,
        metrics: &mut MetricsWriter,
        stop: &impl Fn() -> bool,
    ) -> Result<Option<Evaluation>, TrainError> {
        let model = learner.model().valid();
        let began = Instant::now();
        let Some((evaluation, preferred)) = self.evaluate(&model, batches, stop)? else {
            return Ok(None);
        };
        let row = self.validation_row(RowSplit::Valid, evaluation, preferred, began);
        let average = self.state.borrow().average.as_ref().map(|average| average.weights.clone());
        let mut rows = vec![row];
        if let Some(average) = average {
            let began = Instant::now();
            let Some((of_average, preferred)) = self.evaluate(&average, batches, stop)? else {
                return Ok(None);
            };
            rows.push(self.validation_row(RowSplit::Average, of_average, preferred, began));
            let mut state = self.state.borrow_mut();
            state.average_evaluation = Some((state.step, of_average));
        }
        for row in rows {
            metrics.write(&row)?;
            let mut state = self.state.borrow_mut();
            state.rows.push(row.clone());
            let evaluation = self.valid.evaluation_of_loss(row.loss);
            if row.split == RowSplit::Valid {
                state.evaluations.push((row.step, evaluation));
            }
            state.tell(TrainEvent::Validated { row, evaluation });
        }
        self.write_sample(&model)?;
        Ok(Some(evaluation))
    }

    /// Every token of the validation split once.
    fn evaluate(
        &self,
        model: &Trainee,
        batches: &ValidLoader<Trainee>,
        stop: &impl Fn() -> bool,
    ) -> Result<Option<Validated>, TrainError> {
        let (mut nats, mut tokens, mut preferred) = (0.0, 0, None::<[f64; 2]>);
        let total = self.valid_batches;
        for (index, batch) in batches.iter().enumerate() {
            let batch = batch.map_err(|error| TrainError::Learner(error.to_string()))?;
            let output = InferenceStep::step(model, batch);
            nats += f64::from(output.nats.into_scalar::<f32>());
            tokens += output.predicted;
            if let Some(figures) = output.preferences {
                let [margin, right] = preferred.unwrap_or_default();
                let found = floats(figures)?;
                preferred = Some([margin + found[0], right + found[1]]);
            }
            let validating = TrainEvent::Validating { done: index + 1, total };
            self.state.borrow_mut().tell(validating);
            if stop() {
                return Ok(None);
            }
        }
        let evaluation = self.valid.evaluation(nats, tokens);
        let loss = evaluation.loss();
        if !loss.is_finite() {
            let (step, kept) = (self.state.borrow().step, self.newest_checkpoint());
            return Err(TrainError::NonFiniteValidation { step, loss, kept });
        }
        Ok(Some((evaluation, preferred)))
    }

    fn validation_row(
        &self,
        split: RowSplit,
        evaluation: Evaluation,
        preferred: Option<[f64; 2]>,
        began: Instant,
    ) -> Row {
        let state = self.state.borrow();
        let [margin, accuracy] = mean_of(preferred, evaluation.tokens);
        Row {
            split,
            step: state.step,
            passes: self.length.passes(state.step),
            tokens: state.tokens,
            loss: evaluation.loss(),
            learning_rate: None,
            grad_norm: None,
            tokens_per_second: evaluation.tokens as f64 / began.elapsed().as_secs_f64(),
            seconds: state.seconds(),
            margin,
            accuracy,
        }
    }

    /// Why no step follows this one.
    fn end_of_steps(&self, step: usize, stop: &impl Fn() -> bool) -> Option<End> {
        let minutes = self.state.borrow().minutes_here();
        match self.config.training.max_minutes {
            _ if stop() => Some(End::Interrupted),
            _ if step == self.length.total_steps => Some(End::Complete),
            Some(limit) if minutes >= limit => Some(End::OutOfTime),
            _ => None,
        }
    }

    /// Why no step follows these validations.
    fn end_of_validations(&self, stop: &impl Fn() -> bool) -> Option<End> {
        let without = validations_without_a_best(&self.state.borrow().rows, self.config.seam());
        match self.config.training.patience {
            _ if stop() => Some(End::Interrupted),
            Some(patience) if without >= patience => Some(End::Patience),
            _ => None,
        }
    }

    /// True before the first step of a model that is tuned, and after a resumed step whose validation
    /// was stopped.
    fn is_validation_left_out(&self, step: usize) -> bool {
        let rows = &self.state.borrow().rows;
        let is_row = |row: &Row| row.split == RowSplit::Valid && row.step == step;
        // The rows may be lost, and the set know of its validation.
        let is_sets = self.manifest.step == step && self.manifest.validation.is_some();
        let is_there = is_sets || rows.iter().any(is_row);
        let is_due = match step {
            0 => self.config.finetune.is_some(),
            _ => self.length.is_due(step),
        };
        is_due && !is_there
    }

    /// Announces a checkpoint to the threads that will write it.
    fn begin_set(
        &self,
        validation: Option<Evaluation>,
        metrics: &MetricsWriter,
    ) -> Result<(), TrainError> {
        metrics.sync()?;
        let state = self.state.borrow();
        let (step, loss_scale) = (state.step, state.loss_scale);
        let manifest = CheckpointManifest { step, validation, loss_scale, ..self.manifest.clone() };
        let mut files = vec![(TOKENIZER_FILE, self.tokenizer_file.clone())];
        if let Some(average) = &state.average {
            files.push((AVERAGE_FILE, average.to_bytes()?));
        }
        self.sets.begin(manifest, &files)
    }

    /// Lets the model continue the fixed prompt, for the reader to see it learn.
    fn write_sample(&self, model: &Trainee) -> Result<(), TrainError> {
        let text = sample(model, &self.tokenizer, &self.config, self.config.training.seed)?;
        let mut state = self.state.borrow_mut();
        let step = state.step;
        let mut file =
            fs_err::OpenOptions::new().create(true).append(true).open(self.run.samples_path())?;
        std::io::Write::write_all(
            &mut file,
            format!("{SAMPLE_HEADING}{step}\n\n{text}\n\n").as_bytes(),
        )?;
        state.tell(TrainEvent::Sample { step, text });
        Ok(())
    }
}
