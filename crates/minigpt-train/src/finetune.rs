//! Fine-tuning: what a model that exists is trained on further, and how its task is put to it.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use minigpt_data::{
    DataError, Dialogue, LabelledText, Source, Template, TokenRows, Tokenizer, TooLong, last_tenth,
};
use minigpt_model::{GptConfig, LoraConfig};
use serde::{Deserialize, Serialize};

use crate::config::{
    DataConfig, Decay, OptimizerConfig, RunConfig, SampleConfig, ScheduleConfig, TrainingConfig,
};
use crate::error::TrainError;
use crate::token_set::TokenSet;
use crate::train::TokenData;

/// What a model is tuned for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FinetuneTask {
    /// To continue texts of another kind.
    Lm,
    /// To answer instructions.
    Instruct,
    /// To summarise documents.
    Summarize,
    /// To tell what a text is, by a head on its last token.
    Classify,
}

impl FinetuneTask {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Lm, Self::Instruct, Self::Summarize, Self::Classify];

    /// The name that [`FromStr`] takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lm => "lm",
            Self::Instruct => "instruct",
            Self::Summarize => "summarize",
            Self::Classify => "classify",
        }
    }

    /// How the task is put to a model, where it is put in words.
    pub fn template(self) -> Option<Template> {
        match self {
            Self::Instruct => Some(Template::instruct()),
            Self::Summarize => Some(Template::summarize()),
            Self::Lm | Self::Classify => None,
        }
    }
}

impl fmt::Display for FinetuneTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for FinetuneTask {
    type Err = TrainError;

    fn from_str(name: &str) -> Result<Self, TrainError> {
        Self::ALL
            .into_iter()
            .find(|task| task.name() == name)
            .ok_or_else(|| TrainError::UnknownTask { name: name.to_owned() })
    }
}

/// What a tuned model comes from and is for; a part of its run's configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinetuneConfig {
    /// The model that was tuned: a run folder, a model folder, or `hf:owner/model`.
    pub base: String,
    /// Whether the base gave its shape and tokenizer alone, and the weights are fresh: what the
    /// base's training was worth.
    pub fresh: bool,
    /// What for.
    pub task: FinetuneTask,
    /// How the task is put to the model, where it is put in words.
    pub template: Option<Template>,
    /// What a classifier tells apart, in the order of its head; empty for others.
    pub labels: Vec<String>,
    /// Whether examples longer than the context are left out instead of refused.
    pub skip_long: bool,
    /// The adapter that is trained in place of the model's own weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lora: Option<LoraConfig>,
}

impl RunConfig {
    /// The recipe by which a model of this shape is tuned: a tenth of pretraining's learning rate, little
    /// decay, dropout against learning a small set by heart, a validation after each pass, and an end
    /// when two of them bring nothing better.
    pub fn finetuning(model: GptConfig, data: DataConfig, finetune: FinetuneConfig) -> Self {
        let decay = Decay::Linear;
        // Until the examples are read, which have a better one.
        let prompt = match finetune.task {
            FinetuneTask::Lm => SampleConfig::default().prompt,
            _ => String::new(),
        };
        // An adapter takes a larger one than the weights themselves.
        let learning_rate = if finetune.lora.is_some() { 2e-3 } else { 3e-4 };
        let schedule =
            ScheduleConfig { decay, final_ratio: 0.0, ..ScheduleConfig::cosine(learning_rate, 20) };
        Self {
            data,
            model: model.with_dropout(0.1),
            optimizer: OptimizerConfig { weight_decay: 0.01, ..OptimizerConfig::default() },
            schedule,
            training: TrainingConfig { epochs: 5, patience: Some(2), ..TrainingConfig::default() },
            sample: SampleConfig { prompt, ..SampleConfig::default() },
            finetune: Some(finetune),
        }
    }
}

impl FinetuneConfig {
    /// The settings of a task before its data are read.
    pub fn new(base: String, task: FinetuneTask) -> Self {
        let (template, labels) = (task.template(), Vec::new());
        Self { base, fresh: false, task, template, labels, skip_long: false, lora: None }
    }

    fn template(&self) -> Result<&Template, TrainError> {
        let expected = "a template for a task that is put in words";
        self.template.as_ref().ok_or(TrainError::Setting { field: "finetune.template", expected })
    }

    fn too_long(&self) -> TooLong {
        if self.skip_long { TooLong::LeftOut } else { TooLong::Refused }
    }
}

/// The examples of a run, and those of them that are held out as they were read.
#[derive(Clone, Debug)]
pub struct ExampleData {
    /// The examples as tokens.
    pub tokens: TokenData,
    /// What is held out.
    pub held_out: HeldOut,
    /// Examples read, those left out included.
    pub read: usize,
    /// Examples that were longer than the context and left out.
    pub left_out: usize,
}

impl ExampleData {
    /// Examples that are learnt, and examples that are held out, without those that were left out.
    pub fn kept(&self) -> [usize; 2] {
        [&self.tokens.train, &self.tokens.valid].map(TokenSet::rows)
    }
}

/// Held-out examples as they were read.
#[derive(Clone, Debug)]
pub enum HeldOut {
    /// Of tasks with answers.
    Dialogues(Vec<Dialogue>),
    /// Of a classifier.
    Labelled(Vec<LabelledText>),
}

impl ExampleData {
    /// Reads the examples that `config` asks for, and completes it by what they tell: a classifier's
    /// labels, and the first held-out prompt as what samples continue.
    ///
    /// # Errors
    /// [`TrainError::NoExampleFile`] where the source is not a file, [`TrainError::Data`] for a bad
    /// example, with its line.
    pub fn read(config: &mut RunConfig, tokenizer: &Tokenizer) -> Result<Self, TrainError> {
        let expected = "a task";
        let mut finetune =
            config.finetune.take().ok_or(TrainError::Setting { field: "finetune", expected })?;
        let data = Self::of_task(config, &mut finetune, tokenizer);
        config.finetune = Some(finetune);
        let data = data?;
        if config.sample.prompt.is_empty() {
            config.sample.prompt = data.first_prompt(config.model.block_size)?;
        }
        Ok(data)
    }

    fn of_task(
        config: &RunConfig,
        finetune: &mut FinetuneConfig,
        tokenizer: &Tokenizer,
    ) -> Result<Self, TrainError> {
        let (path, valid) = (file(&config.data.source)?, config.data.valid.as_ref());
        let valid = valid.map(file).transpose()?;
        let block_size = config.model.block_size;
        let too_long = finetune.too_long();
        let (train, held_out, rows) = match finetune.task {
            FinetuneTask::Classify => {
                let [train, held_out] = split(path, valid, LabelledText::read)?;
                if finetune.labels.is_empty() {
                    finetune.labels = LabelledText::labels(&train, path)?;
                }
                let rows = |texts: &[LabelledText], path: &Path| {
                    let labels = &finetune.labels;
                    TokenRows::of_labelled(tokenizer, texts, labels, path, block_size, too_long)
                };
                let (train, valid) = (rows(&train, path)?, rows(&held_out, valid.unwrap_or(path))?);
                (train, HeldOut::Labelled(held_out), valid)
            }
            _ => {
                let template = finetune.template()?;
                let [train, held_out] = split(path, valid, |path| match finetune.task {
                    FinetuneTask::Summarize => Dialogue::read_summaries(path, template),
                    _ => Dialogue::read_instructions(path, template),
                })?;
                let rows = |dialogues: &[Dialogue], path: &Path| {
                    TokenRows::of_dialogues(tokenizer, dialogues, path, block_size, too_long)
                };
                let (train, valid) = (rows(&train, path)?, rows(&held_out, valid.unwrap_or(path))?);
                (train, HeldOut::Dialogues(held_out), valid)
            }
        };
        let left_out = train.left_out() + rows.left_out();
        let read = train.len() + rows.len() + left_out;
        let tokens =
            TokenData { tokenizer: tokenizer.clone(), train: train.into(), valid: rows.into() };
        Ok(Self { tokens, held_out, read, left_out })
    }

    /// The first held-out prompt that fits the context.
    fn first_prompt(&self, block_size: usize) -> Result<String, TrainError> {
        for prompt in self.held_out.prompts() {
            if self.tokens.tokenizer.encode(prompt)?.len() < block_size {
                return Ok(prompt.to_owned());
            }
        }
        Ok(String::new())
    }
}

impl HeldOut {
    /// What a model is asked, in the order of the file.
    pub fn prompts(&self) -> Vec<&str> {
        match self {
            Self::Dialogues(dialogues) => {
                dialogues.iter().map(|dialogue| dialogue.turns[0].given.as_str()).collect()
            }
            Self::Labelled(texts) => texts.iter().map(|text| text.text.as_str()).collect(),
        }
    }
}

/// The file of a source.
fn file(source: &Source) -> Result<&Path, TrainError> {
    match source {
        Source::Path(path) if !path.is_dir() => Ok(path),
        other => Err(TrainError::NoExampleFile { source_name: other.to_string() }),
    }
}

/// The examples of a file and of another that is held out, or else its last tenth.
fn split<T>(
    path: &Path,
    valid: Option<&Path>,
    read: impl Fn(&Path) -> Result<Vec<T>, DataError>,
) -> Result<[Vec<T>; 2], DataError> {
    match valid {
        Some(valid) => Ok([read(path)?, read(valid)?]),
        None => last_tenth(read(path)?, path),
    }
}
