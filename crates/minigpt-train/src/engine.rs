//! The loop: burn-train's learner driven step by step, with validation, samples and checkpoints
//! between.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Instant;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use burn::train::{
    InferenceStep, Learner, SupervisedLearningStrategy, SupervisedTrainingEventProcessor,
    TrainLoader, TrainingComponents, ValidLoader,
};
use minigpt_data::{Source, TokenSplit, Tokenizer};
use minigpt_model::{Generator, Gpt};

use crate::batches::TokenBatch;
use crate::checkpoint::{Manifest, SetWriter};
use crate::config::RunConfig;
use crate::error::TrainError;
use crate::evaluation::Evaluation;
use crate::metrics::{MetricsWriter, Row, Split};
use crate::plot::{Curve, draw_loss_curves};
use crate::run::{RunFolder, SAMPLE_HEADING};
use crate::train::Length;
use crate::trainee::{StepLoss, Trainee, clip_global_norm};

/// What a run tells while it goes.
#[derive(Clone, Debug)]
pub enum TrainEvent {
    /// A step was taken.
    Step(Row),
    /// A validation is at batch `done` of `total`.
    Validating {
        /// Batches evaluated.
        done: usize,
        /// Batches in the validation split.
        total: usize,
    },
    /// A validation is complete.
    Validated {
        /// Its row in the metrics.
        row: Row,
        /// Its figures.
        evaluation: Evaluation,
    },
    /// A checkpoint is damaged, as this message says, and the one before it is used.
    Damaged(String),
    /// The model wrote a sample.
    Sample {
        /// Steps taken.
        step: usize,
        /// Prompt and continuation.
        text: String,
    },
}

/// Receives the events of a run, on the thread that trains.
pub type Observer = Box<dyn FnMut(TrainEvent)>;

/// Our training strategy for burn-train: validation, checkpoints and interruption by steps, where
/// burn's own strategies know only epochs.
pub(crate) struct Engine {
    pub(crate) config: RunConfig,
    pub(crate) run: RunFolder,
    pub(crate) tokenizer: Tokenizer,
    pub(crate) valid: TokenSplit,
    pub(crate) length: Length,
    pub(crate) device: Device,
    pub(crate) sets: Arc<SetWriter>,
    pub(crate) progress: RefCell<Progress>,
}

/// What changes while the engine runs.
pub(crate) struct Progress {
    pub(crate) observer: Observer,
    /// Steps taken before this process.
    pub(crate) first_step: usize,
    /// Seconds of training before this process.
    pub(crate) seconds_before: f64,
    pub(crate) data_sha256: String,
    pub(crate) rows: Vec<Row>,
    pub(crate) tokens: u64,
    pub(crate) started: Instant,
    pub(crate) evaluations: Vec<(usize, Evaluation)>,
    pub(crate) failure: Option<TrainError>,
}

impl Progress {
    /// At the start of a run.
    pub(crate) fn new(observer: Observer, data_sha256: String) -> Self {
        Self {
            observer,
            first_step: 0,
            seconds_before: 0.0,
            data_sha256,
            rows: Vec::new(),
            tokens: 0,
            started: Instant::now(),
            evaluations: Vec::new(),
            failure: None,
        }
    }

    /// At a checkpoint, with the rows up to it.
    pub(crate) fn resumed(observer: Observer, manifest: &Manifest, rows: Vec<Row>) -> Self {
        let valid = rows.iter().filter(|row| row.split == Split::Valid);
        let evaluation = |row: &Row| (row.step, manifest.validation.with_loss(row.loss));
        Self {
            first_step: manifest.step,
            seconds_before: rows.last().map_or(0.0, |row| row.seconds),
            tokens: rows.last().map_or(0, |row| row.tokens),
            evaluations: valid.map(evaluation).collect(),
            rows,
            ..Self::new(observer, manifest.data_sha256.clone())
        }
    }

    /// Seconds of training, earlier processes included.
    pub(crate) fn seconds(&self) -> f64 {
        self.seconds_before + self.started.elapsed().as_secs_f64()
    }
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
        learner.fork(&self.device);
        let save = |learner: &Learner<Trainee>, step: usize| {
            if let Some(checkpointer) = &mut checkpointer {
                checkpointer.checkpoint(learner, step, &event_store);
            }
        };
        let stop = || interrupter.should_stop();
        if let Err(error) = self.steps(&mut learner, &train, &valid, save, stop) {
            self.progress.borrow_mut().failure = Some(error);
        }
        // Waits until the last checkpoint is written.
        drop(checkpointer);
        (learner.model(), event_processor)
    }
}

impl Engine {
    fn steps(
        &self,
        learner: &mut Learner<Trainee>,
        train: &TrainLoader<Trainee>,
        valid: &ValidLoader<Trainee>,
        mut save: impl FnMut(&Learner<Trainee>, usize),
        stop: impl Fn() -> bool,
    ) -> Result<(), TrainError> {
        let mut metrics = MetricsWriter::append(&self.run.metrics_path())?;
        let first_step = self.progress.borrow().first_step;
        for (index, batch) in train.iter().enumerate() {
            let step = first_step + index + 1;
            let batch = batch.map_err(|error| TrainError::Learner(error.to_string()))?;
            let row = self.step(learner, batch, step)?;
            metrics.write(&row)?;
            self.tell(TrainEvent::Step(row));

            let stopping = stop();
            if self.length.is_due(step) || stopping {
                let evaluation =
                    self.validate(&learner.model().valid(), valid, step, &mut metrics)?;
                let data_sha256 = self.progress.borrow().data_sha256.clone();
                self.sets.begin(Manifest::new(step, evaluation, data_sha256))?;
                save(learner, step);
                self.draw()?;
                self.write_sample(&learner.model().valid().transformer, step)?;
            }
            if stopping {
                break;
            }
        }
        Ok(())
    }

    /// One optimiser step, and its row.
    fn step(
        &self,
        learner: &mut Learner<Trainee>,
        batch: TokenBatch,
        step: usize,
    ) -> Result<Row, TrainError> {
        let began = Instant::now();
        // Dropout's chances follow from seed and step alone, so that no state need be saved.
        self.device.seed(self.config.training.seed.wrapping_add((step as u64) << 32));
        let output = learner.train_step(batch);
        let (gradients, norm) =
            clip_global_norm(&learner.model(), output.grads, self.config.optimizer.grad_clip);
        learner.lr_step();
        learner.optimizer_step(gradients);

        let StepLoss { nats, predicted } = output.item;
        let [nats, grad_norm] = read_pair(nats, norm);
        let loss = nats / predicted as f64;
        let learning_rate = learner.lr_current().base();
        if !(loss.is_finite() && grad_norm.is_finite()) {
            return Err(TrainError::NonFinite { step, loss, learning_rate, grad_norm });
        }

        let mut progress = self.progress.borrow_mut();
        progress.tokens += predicted as u64;
        let row = Row {
            split: Split::Train,
            step,
            passes: self.length.passes(step),
            tokens: progress.tokens,
            loss,
            learning_rate: Some(learning_rate),
            grad_norm: Some(grad_norm),
            tokens_per_second: predicted as f64 / began.elapsed().as_secs_f64(),
            seconds: progress.seconds(),
        };
        progress.rows.push(row.clone());
        Ok(row)
    }

    /// The whole validation split, every token once.
    fn validate(
        &self,
        model: &Trainee,
        batches: &ValidLoader<Trainee>,
        step: usize,
        metrics: &mut MetricsWriter,
    ) -> Result<Evaluation, TrainError> {
        let began = Instant::now();
        let (mut nats, mut tokens) = (0.0, 0);
        let total = batches.num_items().div_ceil(self.config.training.batch_size);
        for (index, batch) in batches.iter().enumerate() {
            let batch = batch.map_err(|error| TrainError::Learner(error.to_string()))?;
            let output = InferenceStep::step(model, batch);
            nats += f64::from(output.nats.into_scalar::<f32>());
            tokens += output.predicted;
            self.tell(TrainEvent::Validating { done: index + 1, total });
        }
        let evaluation = Evaluation::new(nats, tokens, &self.valid);

        let mut progress = self.progress.borrow_mut();
        let row = Row {
            split: Split::Valid,
            step,
            passes: self.length.passes(step),
            tokens: progress.tokens,
            loss: evaluation.loss(),
            learning_rate: None,
            grad_norm: None,
            tokens_per_second: tokens as f64 / began.elapsed().as_secs_f64(),
            seconds: progress.seconds(),
        };
        progress.rows.push(row.clone());
        progress.evaluations.push((step, evaluation));
        drop(progress);
        metrics.write(&row)?;
        self.tell(TrainEvent::Validated { row, evaluation });
        Ok(evaluation)
    }

    fn draw(&self) -> Result<(), TrainError> {
        let name = self.run.name();
        let title = plot_title(&self.config, &name);
        let curve = Curve { name, rows: self.progress.borrow().rows.clone() };
        draw_loss_curves(&self.run.plot_path(), &title, &[curve])
    }

    /// Lets the model continue the fixed prompt, for the reader to see it learn.
    fn write_sample(&self, model: &Gpt, step: usize) -> Result<(), TrainError> {
        let text = sample(model, &self.tokenizer, &self.config, self.config.training.seed)?;
        let mut file =
            fs_err::OpenOptions::new().create(true).append(true).open(self.run.samples_path())?;
        std::io::Write::write_all(
            &mut file,
            format!("{SAMPLE_HEADING}{step}\n\n{text}\n\n").as_bytes(),
        )?;
        self.tell(TrainEvent::Sample { step, text });
        Ok(())
    }

    fn tell(&self, event: TrainEvent) {
        (self.progress.borrow_mut().observer)(event);
    }
}

/// The prompt of the configuration and the model's continuation, up to `<|endoftext|>`.
///
/// # Errors
/// [`TrainError::Prompt`] or [`TrainError::Data`].
pub fn sample(
    model: &Gpt,
    tokenizer: &Tokenizer,
    config: &RunConfig,
    seed: u64,
) -> Result<String, TrainError> {
    let prompt = tokenizer.encode(&config.sample.prompt)?;
    let end = tokenizer.end_of_text();
    let continuation = Generator::new(model, &prompt, config.sample.sampling.clone(), seed)?
        .take(config.sample.max_tokens)
        .take_while(|id| *id != end);
    let ids: Vec<u32> = prompt.iter().copied().chain(continuation).collect();
    Ok(tokenizer.decode(&ids)?)
}

/// What the picture of a run is titled: the run, its model and its data.
pub fn plot_title(config: &RunConfig, name: &str) -> String {
    let model = &config.model;
    let data = match &config.data.source {
        Source::Embedded => "the embedded novels".to_owned(),
        source => source.to_string(),
    };
    format!(
        "{name}: {} layers, {} wide, {} heads, {:.1}M parameters on {}",
        model.n_layer,
        model.n_embd,
        model.n_head,
        model.parameter_counts().total() as f64 / 1e6,
        data,
    )
}

/// Two scalars in one read: a read waits for the device.
fn read_pair(a: Tensor<1>, b: Tensor<1>) -> [f64; 2] {
    let pair = Tensor::cat(vec![a, b], 0).into_data().convert::<f64>();
    let pair = pair.try_to_vec::<f64>().unwrap_or_default();
    [pair.first().copied().unwrap_or(f64::NAN), pair.get(1).copied().unwrap_or(f64::NAN)]
}
