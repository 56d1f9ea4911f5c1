//! What can go wrong with a run.

use std::path::PathBuf;

use minigpt_data::DataError;
use minigpt_model::{AdapterError, ConfigError, GenerateError, SamplingError, WeightsError};
use minigpt_plot::PlotError;
use minigpt_text::TextError;

mod device;

/// What can go wrong with a run.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// No preset, task, curve or axis has this name.
    #[error("unknown {kind} `{name}`: expected one of {known}")]
    UnknownName {
        /// What it should be a name of.
        kind: &'static str,
        /// The name given.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A setting is out of its range.
    #[error("{field} is out of range: expected {expected}")]
    Setting {
        /// The setting, as `section.key`.
        field: &'static str,
        /// The range.
        expected: &'static str,
    },
    /// No setting has this name.
    #[error("unknown setting `{key}`: expected {expected}")]
    UnknownSetting {
        /// The name given.
        key: String,
        /// The names there are.
        expected: String,
    },
    /// A setting has a value that it cannot have.
    #[error("setting {key} = {value}: {reason}")]
    BadSetting {
        /// The setting.
        key: String,
        /// The value given.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of settings is not valid TOML.
    #[error("not valid TOML: {0}")]
    BadToml(String),
    /// No model is as small or as large as asked for.
    #[error("no model can be trained in {what}: expected {expected}")]
    Budget {
        /// What there is.
        what: String,
        /// What there should be.
        expected: String,
    },
    /// No model is as small as the memory asks for.
    #[error(
        "no model can be trained in {limit} MiB of memory: expected at least {least} MiB, for {parameters} parameters"
    )]
    TooLittleMemory {
        /// MiB that there are.
        limit: u64,
        /// MiB that it takes.
        least: u64,
        /// Parameters of the model.
        parameters: usize,
    },
    /// The model knows fewer ids than the tokenizer has.
    #[error(
        "model.vocab_size is {vocab_size}: expected at least {ids}, the tokenizer's number of ids; leave model.vocab_size out, or choose a smaller tokenizer"
    )]
    Vocabulary {
        /// Ids that the model knows.
        vocab_size: usize,
        /// Ids of the tokenizer.
        ids: usize,
    },
    /// The model's configuration is invalid.
    #[error(transparent)]
    Model(#[from] ConfigError),
    /// The sampling policy is invalid.
    #[error(transparent)]
    Sampling(#[from] SamplingError),
    /// The text or the tokenizer is not usable.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The model cannot read or write a text.
    #[error(transparent)]
    Text(#[from] TextError),
    /// A picture cannot be drawn.
    #[error(transparent)]
    Plot(#[from] PlotError),
    /// An adapter is invalid, or another model's.
    #[error(transparent)]
    Adapter(#[from] AdapterError),
    /// A model folder's weights cannot be read or written.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The prompt of the run's samples does not fit the model or its tokenizer.
    #[error("sample.prompt: {0}")]
    SamplePrompt(String),
    /// A file of the run could not be read or written; the message names it.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A run of that name is there already.
    #[error("run folder {path} already holds a run: choose another name, or move the folder away")]
    RunExists {
        /// The folder.
        path: PathBuf,
    },
    /// Another process trains there.
    #[error("another process is training in {path}: wait until it ends, or stop it")]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// Whether somebody trains there cannot be known.
    #[error(
        "cannot lock {path}, so a process may be training there: nothing was removed; expected a file system with locks"
    )]
    NoLocks {
        /// The folder.
        path: PathBuf,
    },
    /// No run is there.
    #[error("{path} is not a run folder: expected the folder of a run, with its config.json")]
    NotARun {
        /// The folder.
        path: PathBuf,
    },
    /// Nothing is there.
    #[error("{path} does not exist: expected the folder of a run")]
    NoRun {
        /// The folder.
        path: PathBuf,
    },
    /// A part of a run folder is a link, which may lead to anybody's file.
    #[error(
        "{path} is a symbolic link: expected a file or folder of the run; links are not followed"
    )]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// A checkpoint has no optimiser state any more.
    #[error(
        "{path} has no optimiser state, since `minigpt runs --prune` removed it: training cannot continue from it; use the run's last checkpoint"
    )]
    Pruned {
        /// The checkpoint.
        path: PathBuf,
    },
    /// A file of the run folder is not what it should be.
    #[error("{path} is damaged: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The run trains an adapter beside weights that only the processor's operations take.
    #[error(
        "{path} holds frozen weights that only the processor can use: resume the run with --device cpu"
    )]
    FrozenElsewhere {
        /// The file of the weights.
        path: PathBuf,
    },
    /// The run has no complete checkpoint.
    #[error(
        "{path} has no intact checkpoint: let the run reach its first validation, or set training.save_every"
    )]
    NoCheckpoint {
        /// The run folder.
        path: PathBuf,
    },
    /// The run has no complete checkpoint of a step.
    #[error("{path} has no checkpoint of step {step}: expected one of {steps:?}")]
    NoCheckpointOfStep {
        /// The run folder.
        path: PathBuf,
        /// The step that was asked for.
        step: usize,
        /// The steps of those that there are.
        steps: Vec<usize>,
    },
    /// The novels in the program are no examples.
    #[error(
        "{source_name} holds no examples: expected a .jsonl, .json, .csv, .tsv or .parquet file, a folder of such files, or hf:OWNER/DATASET"
    )]
    NoExampleFile {
        /// The source given.
        source_name: String,
    },
    /// A model is of another shape than the one that shall be tuned.
    #[error(
        "the base model's shape differs from the configuration: {reason}; leave the model's sizes unchanged"
    )]
    OtherBase {
        /// What differs.
        reason: String,
    },
    /// The run's model tells no classes apart.
    #[error("{path} is not a classifier: expected a run tuned for the task `classify`")]
    NotAClassifier {
        /// The run folder.
        path: PathBuf,
    },
    /// The run keeps no moving average of its weights.
    #[error("{path} keeps no average of its weights: train with training.ema_decay")]
    NoAverage {
        /// The run folder.
        path: PathBuf,
    },
    /// The frozen weights that the run's adapter is trained beside are not in its folder.
    #[error(
        "{path} is missing: it holds the frozen weights that the run's adapter needs; restore the file"
    )]
    NoBase {
        /// The file.
        path: PathBuf,
    },
    /// The run has taken all its steps.
    #[error(
        "{path} is complete after {steps} steps: there is nothing to resume; to train further, continue the run"
    )]
    Complete {
        /// The run folder.
        path: PathBuf,
        /// Steps taken.
        steps: usize,
    },
    /// A run that shall be continued has not come to its end.
    #[error("{path} is unfinished: {steps} of its {total} steps are done; resume it first")]
    NotEnded {
        /// The run folder.
        path: PathBuf,
        /// Steps taken.
        steps: usize,
        /// Steps of the run.
        total: usize,
    },
    /// A run that goes on keeps this setting.
    #[error(
        "{key} cannot change when a run is continued: expected one of {changeable}; for another {key}, start a new run"
    )]
    KeptSetting {
        /// The setting.
        key: String,
        /// The settings that may be others.
        changeable: String,
    },
    /// How long the steps of a run take is unknown.
    #[error(
        "{path} does not say how long a step takes: give the steps or passes to add, not minutes"
    )]
    NoPace {
        /// The run's metrics.
        path: PathBuf,
    },
    /// With what is added, a run would have more steps than a run can have.
    #[error("too many steps to add after {after}: a run has at most {most} steps in all")]
    TooManySteps {
        /// Steps that there are.
        after: usize,
        /// Most steps of a run.
        most: usize,
    },
    /// The run has ended by its patience.
    #[error(
        "{path} ended at step {steps}, after {validations} validations without a new best: raise training.patience in its config.json and resume the run, or continue it"
    )]
    OutOfPatience {
        /// The run folder.
        path: PathBuf,
        /// Steps taken.
        steps: usize,
        /// Validations since the best one.
        validations: usize,
    },
    /// A run's file is not the tokenizer that it was trained with.
    #[error(
        "{path} is not the tokenizer that the run was trained with: its SHA-256 is {found}, expected {expected}; restore it from {copy}"
    )]
    OtherTokenizerFile {
        /// The file.
        path: PathBuf,
        /// Its SHA-256.
        found: String,
        /// That of the checkpoint's.
        expected: String,
        /// The checkpoint's own.
        copy: PathBuf,
    },
    /// The text is not the one that the run was trained on.
    #[error(
        "the data source of {path} has changed since the run was trained: restore the source, or start a new run"
    )]
    OtherData {
        /// The run folder.
        path: PathBuf,
    },
    /// A run cannot be learnt from.
    #[error("teacher {run}: {reason}")]
    Teacher {
        /// The run, as it was named.
        run: String,
        /// Why not.
        reason: String,
    },
    /// Several devices would share a batch that teachers read.
    #[error("a run with teachers has {count} devices: expected one")]
    TeacherDevices {
        /// Devices given.
        count: usize,
    },
    /// The text's tokenizer is not the run's.
    #[error(
        "the tokenizer of {path} has changed since the run was trained: restore the text or the tokenizer's file, or start a new run"
    )]
    OtherTokenizer {
        /// The run folder.
        path: PathBuf,
    },
    /// Nothing to draw yet.
    #[error(
        "cannot draw {path}: the run has no {quantity} yet; wait for its next step or validation"
    )]
    NoMetrics {
        /// The picture.
        path: PathBuf,
        /// What was to be drawn.
        quantity: &'static str,
    },
    /// All that there is to draw is NaN or infinite, or has no place on a logarithmic axis.
    #[error("cannot draw {path}: {reason}")]
    Undrawable {
        /// The picture.
        path: PathBuf,
        /// What is wrong with the values, and what to do.
        reason: String,
    },
    /// No two runs differ only in their seed.
    #[error(
        "cannot draw a band: expected runs that differ only in training.seed, but {first} and {second} differ in {setting}"
    )]
    NoSeeds {
        /// A run.
        first: String,
        /// Another one.
        second: String,
        /// The first setting in which they differ.
        setting: String,
    },
    /// A single run has no band.
    #[error(
        "cannot draw a band of one run, {run}: expected several runs that differ only in training.seed"
    )]
    OneSeed {
        /// The run.
        run: String,
    },
    /// Two runs of one seed say nothing of how much seeds differ.
    #[error(
        "cannot draw a band: {first} and {second} have the same settings and training.seed {seed}, expected different seeds"
    )]
    SameSeed {
        /// A run.
        first: String,
        /// Another one.
        second: String,
        /// The seed of both.
        seed: u64,
    },
    /// The loss or its gradient is NaN or infinite.
    #[error(
        "loss {loss} at step {step} (learning rate {learning_rate:.3e}, gradient norm {grad_norm}, windows {first} to {last} of the run's order): lower the learning rate, or skip such steps with training.skip_bad_steps; {}",
        what_is_kept(*kept)
    )]
    NonFinite {
        /// The step.
        step: usize,
        /// Its loss.
        loss: f64,
        /// Its learning rate.
        learning_rate: f64,
        /// Its gradient norm.
        grad_norm: f64,
        /// The first of its windows, by position in the run.
        first: usize,
        /// The last of its windows.
        last: usize,
        /// The step of the newest checkpoint.
        kept: Option<usize>,
    },
    /// The loss of a validation is NaN or infinite: the weights are of no use any more.
    #[error(
        "validation loss {loss} after step {step}: lower the learning rate, or start from other weights; {}",
        what_is_kept(*kept)
    )]
    NonFiniteValidation {
        /// Steps taken.
        step: usize,
        /// The loss.
        loss: f64,
        /// The step of the newest checkpoint.
        kept: Option<usize>,
    },
    /// A device was lost, or its driver gave up.
    #[error("the device failed: {reason}; resume the run's last checkpoint on another device")]
    Device {
        /// What burn said.
        reason: String,
    },
    /// A device has no memory for the step.
    #[error(
        "the device has not enough memory: {reason}; lower training.batch_size, split the steps by training.accumulation, or use another device"
    )]
    DeviceMemory {
        /// What burn said.
        reason: String,
    },
    /// burn's learner stopped.
    #[error("training stopped: {0}")]
    Learner(String),
}

/// What a run that ends here leaves.
fn what_is_kept(checkpoint: Option<usize>) -> String {
    match checkpoint {
        Some(step) => format!("the checkpoint of step {step} is kept"),
        None => "there is no checkpoint yet; set training.save_every to save one sooner".to_owned(),
    }
}

impl From<GenerateError> for TrainError {
    fn from(error: GenerateError) -> Self {
        TextError::from(error).into()
    }
}
