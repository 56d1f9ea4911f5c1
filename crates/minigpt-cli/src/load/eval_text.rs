//! A text read, tokenized and put to a model, with progress.

use std::path::Path;

use anyhow::{Context, Result};
use minigpt_data::{CountedTokens, Detokenizer, Portion, Tokenizer, TokenizerSpec};
use minigpt_eval::{Bootstrap, EvalConfig, EvalReport, Protocol, Reader, Readers, evaluate};
use minigpt_train::{DataConfig, RunConfig};

use crate::args::{EvalTextArgs, ProtocolArgs};
use crate::load::model::LoadedModel;
use crate::terminal::progress::{ByteProgress, CountProgress};

/// The documents that models are measured on.
pub(crate) struct EvalText {
    /// The source as it was given.
    pub(crate) source: String,
    pub(crate) portion: Portion,
    pub(crate) detokenizer: Option<Detokenizer>,
    pub(crate) documents: Vec<String>,
}

impl EvalText {
    /// Reads what the arguments say, or else what `run` holds out.
    pub(crate) fn read(
        args: &EvalTextArgs,
        run: impl FnOnce() -> Result<RunConfig>,
    ) -> Result<Self> {
        let config = match &args.data {
            // Its own tokenizer is each model's.
            Some(source) => DataConfig {
                lossy: args.lossy,
                separator: args.separator,
                lines: args.lines,
                text_field: args.text_field.clone().unwrap_or_else(|| "text".to_owned()),
                ..DataConfig::new(source.clone(), TokenizerSpec::Byte)
            },
            None => run().context("name a text with --data")?.data,
        };
        let mut progress = ByteProgress::new();
        let documents = config.open(&mut |download| {
            let what = format!("downloading {}", download.file);
            progress.show(&what, download.done_bytes, Some(download.total_bytes));
        })?;
        let holds_out = args.data.is_none() || documents.has_own_validation();
        let portion = args.split.unwrap_or(if holds_out { Portion::Valid } else { Portion::All });
        let source = match (&config.valid, portion) {
            (Some(valid), Portion::Valid) => valid.to_string(),
            _ => config.source.to_string(),
        };
        let documents = documents.read_portion(portion)?;
        Ok(Self { source, portion, detokenizer: args.detokenize, documents })
    }

    /// Source, portion and what was done to it, in words.
    pub(crate) fn description(&self) -> String {
        let portion = match self.portion {
            Portion::All => "all of it".to_owned(),
            portion => format!("{portion} split"),
        };
        match self.detokenizer {
            Some(detokenizer) => {
                format!("{}, {portion}, detokenized as {detokenizer}", self.source)
            }
            None => format!("{}, {portion}", self.source),
        }
    }

    /// A name for files: the last part of the source, and the portion.
    pub(crate) fn file_name(&self) -> String {
        let last = Path::new(&self.source).file_name().unwrap_or(self.source.as_ref());
        let plain = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' };
        let name: String = last.to_string_lossy().chars().map(plain).collect();
        let detokenized = if self.detokenizer.is_some() { "-detokenized" } else { "" };
        format!("{name}-{}{detokenized}", self.portion)
    }

    /// Measures a model on the text.
    pub(crate) fn evaluate(
        &self,
        trained: &LoadedModel,
        args: &ProtocolArgs,
    ) -> Result<EvalReport> {
        let protocol = args.protocol(trained.config().block_size);
        protocol.validate(trained.config().block_size)?;
        self.evaluate_by(&trained.tokenizer, vec![(&trained.model).into()], protocol, args)
    }

    /// Measures models of one tokenizer, which read the text together by `protocol`.
    pub(crate) fn evaluate_by(
        &self,
        tokenizer: &Tokenizer,
        readers: Vec<Reader<'_>>,
        protocol: Protocol,
        args: &ProtocolArgs,
    ) -> Result<EvalReport> {
        let config = EvalConfig {
            protocol,
            batch_size: args.batch_size as usize,
            bootstrap: Bootstrap {
                resamples: args.resamples,
                unit: args.resample,
                seed: args.seed,
            },
        };
        let mut bytes = ByteProgress::new();
        let text = CountedTokens::new(tokenizer, &self.documents, self.detokenizer, &mut |at| {
            bytes.show("tokenizing", at.done_bytes, Some(at.total_bytes))
        })?;
        drop(bytes);
        let mut progress = CountProgress::new("evaluating", text.counts().len(), "tokens");
        let readers = Readers::new(readers)?;
        Ok(evaluate(readers, &text, &config, &mut |done| progress.show(done))?)
    }
}
