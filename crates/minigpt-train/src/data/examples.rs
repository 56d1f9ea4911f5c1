//! The examples that a model is fine-tuned on, and what is held out of them.

use std::path::Path;

use minigpt_data::{DataError, Dialogue, LabelledText, Source, TokenRows, Tokenizer, last_tenth};

use crate::config::RunConfig;
use crate::config::finetune::{FinetuneConfig, FinetuneTask};
use crate::data::token_set::TokenSet;
use crate::data::tokens::TokenData;
use crate::error::TrainError;

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
            data.choose_prompt(config)?;
        }
        Ok(data)
    }

    fn of_task(
        config: &RunConfig,
        finetune: &mut FinetuneConfig,
        tokenizer: &Tokenizer,
    ) -> Result<Self, TrainError> {
        let options = config.data.read_options();
        let (path, valid) = (file(&config.data.source)?, config.data.valid.as_ref());
        let valid = valid.map(file).transpose()?;
        let block_size = config.model.block_size;
        let too_long = finetune.too_long();
        let (train, held_out, rows) = match finetune.task {
            FinetuneTask::Classify => {
                let [train, held_out] =
                    split(path, valid, |path| LabelledText::read(path, &options))?;
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
                    FinetuneTask::Summarize => {
                        Dialogue::read_summaries(path, &options, template, tokenizer)
                    }
                    _ => Dialogue::read_instructions(path, &options, template, tokenizer),
                })?;
                let rows = |dialogues: &[Dialogue], path: &Path| {
                    let fits = too_long;
                    TokenRows::of_dialogues(tokenizer, template, dialogues, path, block_size, fits)
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

    /// Has samples continue the first held-out prompt that fits the context.
    fn choose_prompt(&self, config: &mut RunConfig) -> Result<(), TrainError> {
        for prompt in self.held_out.prompts() {
            config.sample.prompt = prompt.to_owned();
            let ids = config.sample_prompt(&self.tokens.tokenizer)?;
            if ids.ids().len() < config.model.block_size {
                return Ok(());
            }
        }
        config.sample.prompt.clear();
        Ok(())
    }
}

impl HeldOut {
    /// What a model is asked, in the order of the file.
    pub(crate) fn prompts(&self) -> Vec<&str> {
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
