//! What a run is made of: one struct per concern, and validation.

pub(crate) mod continued;
pub(crate) mod finetune;
pub(crate) mod finite;
pub(crate) mod overrides;
mod presets;
pub(crate) mod recipes;
mod settings;
mod task;
pub(crate) mod teacher;

use minigpt_data::{Documents, Download, ReadOptions, Separator, Source, Tokenizer, TokenizerSpec};
use minigpt_model::{Draw, GptConfig, LoraConfig, Precision, Sampling};
use minigpt_text::Prompt;
use serde::{Deserialize, Serialize};

use self::continued::{Origin, Restart};
use self::finetune::FinetuneConfig;
use self::finite::non_finite;
use self::overrides::not_finite;
use self::teacher::TeacherConfig;
use crate::error::TrainError;

/// Most windows in a step, so that those of all steps can be counted.
const MAX_BATCH_SIZE: usize = 1 << 20;

/// Most steps of a run: the step is half of the 64 bits that seed a step's dropout.
pub(crate) const MAX_STEPS: usize = u32::MAX as usize;

/// Everything that decides the outcome of a run, saved as `config.json` in its folder before the
/// first step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// Where the text comes from and how it becomes tokens.
    pub data: DataConfig,
    /// The model's shape.
    pub model: GptConfig,
    /// How weights follow gradients.
    pub optimizer: OptimizerConfig,
    /// How the learning rate moves.
    pub schedule: ScheduleConfig,
    /// How long, how often, in what order.
    pub training: TrainingConfig,
    /// How the text is written that each validation leaves in `samples.md`.
    pub sample: SampleConfig,
    /// What the model is tuned from and for; none of a run that trains from scratch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finetune: Option<FinetuneConfig>,
    /// The runs that this one continues, oldest first; empty for a run that started from scratch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub continued: Vec<Origin>,
}

/// Where the text comes from and how it becomes tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// Where the text is.
    pub source: Source,
    /// Held-out text for validation; without it the source decides.
    pub valid: Option<Source>,
    /// The field of a `.jsonl` record or the column of a `.parquet` file that holds the text.
    pub text_field: String,
    /// Whether bytes that are not UTF-8 become U+FFFD instead of an error.
    pub lossy: bool,
    /// What stands between the values of `.csv` and `.tsv` files, in place of commas and tabs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub separator: Option<Separator>,
    /// Whether the records of `.jsonl` and `.parquet` files are lines of one text instead of
    /// documents.
    pub lines: bool,
    /// The tokenizer.
    pub tokenizer: TokenizerSpec,
}

/// How weights follow gradients: AdamW ([Loshchilov and Hutter,
/// 2019](https://arxiv.org/abs/1711.05101)), alone or beside Muon, with a limit on the gradient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimizerConfig {
    /// Which optimiser moves the matrices inside the blocks.
    pub kind: OptimizerKind,
    /// Decay of the first moment.
    pub beta_1: f32,
    /// Decay of the second moment.
    pub beta_2: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// Decay of the matrices; biases and LayerNorms do not decay.
    pub weight_decay: f32,
    /// Largest norm of all gradients together ([Pascanu et al., 2013](https://arxiv.org/abs/1211.5063)).
    pub grad_clip: f32,
}

/// What moves the matrices inside the blocks; embeddings, biases and norms follow AdamW always.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// AdamW.
    AdamW,
    /// Muon ([Jordan et al., 2024](https://kellerjordan.github.io/posts/muon/)), scaled to AdamW's
    /// step ([Liu et al., 2025](https://arxiv.org/abs/2502.16982)), so that one learning rate
    /// serves both.
    Muon,
}

/// How the learning rate falls after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decay {
    /// Half a cosine.
    Cosine,
    /// A straight line.
    Linear,
    /// Not at all.
    Constant,
    /// Not at all, until a straight line leads down over the last
    /// [`decay_ratio`](ScheduleConfig::decay_ratio) of the steps: warm-up, stable, decay
    /// ([Hu et al., 2024](https://arxiv.org/abs/2404.06395)).
    Stable,
}

/// Linear warm-up, then down to a fraction of the peak.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleConfig {
    /// The peak.
    pub learning_rate: f64,
    /// Steps from zero to the peak.
    pub warmup_steps: usize,
    /// How it falls.
    pub decay: Decay,
    /// Last learning rate over the peak.
    pub final_ratio: f64,
    /// The part of all steps in which a [`Stable`](Decay::Stable) rate falls.
    pub decay_ratio: f64,
    /// Where it rises again, in a run that goes on after it had fallen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<Restart>,
}

/// How long, how often, in what order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    /// Windows in a step.
    pub batch_size: usize,
    /// Parts that a step's windows go through the model in, one after the other, in less memory. At
    /// dropout 0 it is the same step to rounding; otherwise each part draws a dropout mask of its own.
    pub accumulation: usize,
    /// Recompute each block's activations in the backward pass, from its input alone, to save memory
    /// ([Chen et al., 2016](https://arxiv.org/abs/1604.06174)): the same step in less memory and more time.
    #[serde(default)]
    pub gradient_checkpointing: bool,
    /// What matrix products are computed in where the device can, validations included. Absent from the
    /// runs of versions that knew `f32` alone.
    #[serde(default)]
    pub precision: Precision,
    /// Passes over the training text.
    pub epochs: usize,
    /// Take this many steps instead of whole passes.
    pub max_steps: Option<usize>,
    /// End the run at the first step after this many minutes, with a validation. They are those of
    /// one process: a run that is resumed has them again.
    pub max_minutes: Option<f64>,
    /// Steps between validations; without it, one at the end of each pass. Each saves a checkpoint.
    pub eval_every: Option<usize>,
    /// Steps between additional checkpoints; each validation saves one too.
    pub save_every: Option<usize>,
    /// End the run after this many validations without a new best. A run that ended so is resumed
    /// with a larger one.
    pub patience: Option<usize>,
    /// Steps that may be left out because their loss or gradient is NaN or infinite.
    pub skip_bad_steps: usize,
    /// Weight of a smoothed target's uniform part ([Szegedy et al.,
    /// 2016](https://arxiv.org/abs/1512.00567)); losses are reported without it. In `[0, 1)`.
    pub label_smoothing: f64,
    /// Decay per step of a moving average of the weights, which is validated and saved beside them.
    /// In `(0, 1)`.
    pub ema_decay: Option<f64>,
    /// What the model learns from besides its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teacher: Option<TeacherConfig>,
    /// Most recent checkpoints kept, besides the best.
    pub keep_last: usize,
    /// Random seed of initial weights, data order and dropout.
    pub seed: u64,
}

/// The text written at each validation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampleConfig {
    /// What the model continues.
    pub prompt: String,
    /// Tokens written.
    pub max_tokens: usize,
    /// How the tokens are chosen.
    pub sampling: Sampling,
}

impl RunConfig {
    /// What samples continue, as tokens: text, or what a tuned model's template wrote.
    ///
    /// # Errors
    /// [`TrainError::Text`].
    pub(crate) fn sample_prompt(&self, tokenizer: &Tokenizer) -> Result<Prompt, TrainError> {
        let template = self.finetune.as_ref().and_then(|finetune| finetune.template.as_ref());
        let text = &self.sample.prompt;
        Ok(match template {
            Some(template) => Prompt::of_template(tokenizer, template, text)?,
            None => Prompt::of_text(tokenizer, text)?,
        })
    }

    /// The step at which this run branched off another; `None` for one that started from scratch.
    pub(crate) fn seam(&self) -> Option<usize> {
        self.continued.last().map(|origin| origin.step)
    }

    /// The adapter that is trained in place of the model's weights.
    pub(crate) fn lora(&self) -> Option<&LoraConfig> {
        self.finetune.as_ref()?.lora.as_ref()
    }

    /// Tokens of the windows that a text is learnt in.
    #[must_use]
    pub fn window(&self) -> usize {
        let context = self.finetune.as_ref().and_then(|finetune| finetune.context);
        context.unwrap_or(self.model.block_size)
    }

    /// Checks everything that can be known before the data is read.
    ///
    /// # Errors
    /// [`TrainError::BadSetting`] for a number that is NaN or infinite, [`TrainError::Model`],
    /// [`TrainError::Sampling`] or [`TrainError::Setting`].
    pub fn validate(&self) -> Result<(), TrainError> {
        if let Some((key, number)) = non_finite(self) {
            return Err(not_finite(key, number));
        }
        self.model.validate()?;
        self.sample.sampling.validate()?;
        if let Some(lora) = self.lora() {
            lora.validate(&self.model)?;
        }
        let (optimizer, schedule, training) = (&self.optimizer, &self.schedule, &self.training);
        let beta = |value: f32| (0.0..1.0).contains(&value);
        let positive = |value: f64| value > 0.0 && value.is_finite();
        let taught =
            |holds: fn(&TeacherConfig) -> bool| training.teacher.as_ref().is_none_or(holds);
        let checks = [
            ("optimizer.beta_1", beta(optimizer.beta_1), "0 <= beta < 1"),
            ("optimizer.beta_2", beta(optimizer.beta_2), "0 <= beta < 1"),
            ("optimizer.epsilon", positive(optimizer.epsilon.into()), "a number above 0"),
            ("optimizer.weight_decay", optimizer.weight_decay >= 0.0, "a number of at least 0"),
            ("optimizer.grad_clip", positive(optimizer.grad_clip.into()), "a number above 0"),
            ("schedule.learning_rate", positive(schedule.learning_rate), "a number above 0"),
            ("schedule.final_ratio", (0.0..=1.0).contains(&schedule.final_ratio), "0 to 1"),
            ("schedule.decay_ratio", (0.0..=1.0).contains(&schedule.decay_ratio), "0 to 1"),
            (
                "schedule.restart.learning_rate",
                schedule.restart.is_none_or(|restart| restart.learning_rate >= 0.0),
                "a number of at least 0",
            ),
            (
                "training.batch_size",
                (1..=MAX_BATCH_SIZE).contains(&training.batch_size),
                "1 to 1048576",
            ),
            (
                "training.accumulation",
                (1..=training.batch_size).contains(&training.accumulation),
                "1 to training.batch_size",
            ),
            ("training.max_minutes", training.max_minutes.is_none_or(positive), "a number above 0"),
            ("training.save_every", training.save_every != Some(0), "at least 1"),
            ("training.patience", training.patience != Some(0), "at least 1"),
            (
                "training.label_smoothing",
                (0.0..1.0).contains(&training.label_smoothing),
                "0 <= smoothing < 1",
            ),
            (
                "training.ema_decay",
                training.ema_decay.is_none_or(|decay| decay > 0.0 && decay < 1.0),
                "0 < decay < 1",
            ),
            ("training.teacher.models", taught(|it| !it.models.is_empty()), "at least one"),
            ("training.teacher.weight", taught(|it| (0.0..=1.0).contains(&it.weight)), "0 to 1"),
            (
                "training.teacher.temperature",
                taught(|it| (0.01..=100.0).contains(&it.temperature)),
                "0.01 to 100",
            ),
            (
                "training.teacher",
                training.teacher.is_none() || self.finetune.is_none(),
                "none in a run that tunes a model",
            ),
            (
                "training.label_smoothing",
                training.teacher.is_none() || training.label_smoothing == 0.0,
                "0 beside a teacher, whose probabilities are smooth",
            ),
            ("training.epochs", training.epochs > 0, "at least 1"),
            (
                "training.max_steps",
                training.max_steps.is_none_or(|steps| (1..=MAX_STEPS).contains(&steps)),
                "1 to 4294967295",
            ),
            ("training.eval_every", training.eval_every != Some(0), "at least 1"),
            ("training.keep_last", training.keep_last > 0, "at least 1"),
            ("sample.prompt", !self.sample.prompt.is_empty(), "some text"),
            (
                "finetune.beta",
                self.finetune.as_ref().and_then(|finetune| finetune.beta).is_none_or(positive),
                "a number above 0",
            ),
            (
                "finetune.context",
                self.finetune
                    .as_ref()
                    .and_then(|finetune| finetune.context)
                    .is_none_or(|length| (1..=self.model.block_size).contains(&length)),
                "1 token to those of the model's context",
            ),
            (
                "finetune.pack",
                self.finetune
                    .as_ref()
                    .and_then(|finetune| finetune.pack)
                    .is_none_or(|length| (1..=self.model.block_size).contains(&length)),
                "1 token to those of the model's context",
            ),
        ];
        match checks.into_iter().find(|(_, holds, _)| !holds) {
            Some((field, _, expected)) => Err(TrainError::Setting { field, expected }),
            None => Ok(()),
        }
    }
}

impl DataConfig {
    /// A source as it is: its own split, text in the field `text`, no bad bytes, a document per
    /// record.
    #[must_use]
    pub fn new(source: Source, tokenizer: TokenizerSpec) -> Self {
        let ReadOptions { text_field, lossy, separator, lines, .. } = ReadOptions::default();
        Self { source, valid: None, text_field, lossy, separator, lines, tokenizer }
    }

    /// How the files of the text are to be read.
    pub(crate) fn read_options(&self) -> ReadOptions {
        let Self { text_field, lossy, separator, lines, .. } = self.clone();
        ReadOptions { text_field, lossy, separator, lines, ..ReadOptions::default() }
    }

    /// Finds the files of the text; `progress` is called while they are downloaded.
    ///
    /// # Errors
    /// [`TrainError::Data`].
    pub fn open(&self, progress: &mut dyn FnMut(Download)) -> Result<Documents, TrainError> {
        let options = self.read_options();
        let documents = self.source.open_with_progress(&options, progress)?;
        Ok(match &self.valid {
            Some(valid) => documents.held_out_by(valid.open_with_progress(&options, progress)?),
            None => documents,
        })
    }
}

impl Default for OptimizerConfig {
    /// nanoGPT's: betas 0.9 and 0.95, decay 0.1, and the tutorial's limit of 1.0.
    fn default() -> Self {
        Self {
            kind: OptimizerKind::AdamW,
            beta_1: 0.9,
            beta_2: 0.95,
            epsilon: 1e-8,
            weight_decay: 0.1,
            grad_clip: 1.0,
        }
    }
}

impl ScheduleConfig {
    /// The tutorial's: linear warm-up, then a cosine down to a tenth of the peak.
    pub(crate) fn cosine(learning_rate: f64, warmup_steps: usize) -> Self {
        let (decay, final_ratio, decay_ratio) = (Decay::Cosine, 0.1, 0.2);
        Self { learning_rate, warmup_steps, decay, final_ratio, decay_ratio, restart: None }
    }
}

impl Default for TrainingConfig {
    /// The tutorial's: batches of 16, three passes, validation after each.
    fn default() -> Self {
        Self {
            batch_size: 16,
            accumulation: 1,
            gradient_checkpointing: false,
            precision: Precision::F32,
            epochs: 3,
            max_steps: None,
            max_minutes: None,
            eval_every: None,
            save_every: None,
            patience: None,
            skip_bad_steps: 0,
            label_smoothing: 0.0,
            ema_decay: None,
            teacher: None,
            keep_last: 2,
            seed: 42,
        }
    }
}

impl Default for SampleConfig {
    fn default() -> Self {
        let draw = Draw { temperature: 0.8, top_k: Some(50), top_p: Some(0.95), ..Draw::default() };
        let sampling = Sampling::Draw(draw);
        Self { prompt: "Once upon a time".to_owned(), max_tokens: 60, sampling }
    }
}

#[cfg(test)]
mod tests;
