//! What the commands that measure trained models are told.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use minigpt_data::{Detokenizer, ModelSource, Portion, Separator, Source};
use minigpt_eval::{Bootstrap, Protocol, Unit};

use super::{BeyondArgs, WeightsArgs};

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  minigpt eval runs/austen                          its own validation text
  minigpt eval runs/austen --stride 16              a window that slides
  minigpt eval runs/wiki --data wikitext-2 --split test --detokenize wikitext
  minigpt eval runs/austen --data notes.txt --resample documents --json
  minigpt eval runs/austen --tasks choices.jsonl --tasks cloze.jsonl
  minigpt eval runs/austen --tasks hellaswag,arc_easy,piqa,lambada
  minigpt eval --ensemble runs/one,runs/two         the mean of two models' probabilities
  minigpt eval runs/austen --cache                  what was read before is found again
  minigpt eval runs/austen --dynamic --stride 32    the weights follow the text

A file of tasks has a JSON object a line, either of
  {\"question\": \"The opposite of hot is\", \"choices\": [\"warm\", \"cold\"], \"answer\": 1}
  {\"text\": \"A text whose last word is to be predicted\"}
Multiple choice gives acc and acc_norm, texts give acc and perplexity of the last word, all as
lm-evaluation-harness defines them. It also defines how the sets known by name are put, without
examples before.")]
pub(crate) struct EvalArgs {
    /// A run folder, a model's folder in Hugging Face's layout, its GGUF file or nanoGPT's .pt, or
    /// hf:OWNER/MODEL[/FILE.gguf]
    #[arg(value_name = "MODEL", required_unless_present = "ensemble")]
    pub(crate) source: Option<ModelSource>,
    /// Average the probabilities of several models with one tokenizer, named with commas between them
    #[arg(long, value_name = "MODELS", value_delimiter = ',', conflicts_with = "source")]
    pub(crate) ensemble: Vec<ModelSource>,
    /// Put questions to the model instead of reading a text: a file of them, or hellaswag, arc_easy, arc_challenge, piqa
    /// or lambada from the hub; may be given several times, or list several with commas
    #[arg(long, value_name = "TASKS", conflicts_with_all = [
        "data", "split", "text_field", "lossy", "separator", "lines", "detokenize", "context",
        "stride", "resamples", "resample", "seed", "out", "ensemble", "cache", "dynamic",
    ])]
    pub(crate) tasks: Vec<String>,
    /// Folder for the figures and their picture [default: evaluation in the run's folder, or here for
    /// others' models]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
    /// Print a JSON object
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) text: EvalTextArgs,
    #[command(flatten)]
    pub(crate) protocol: ProtocolArgs,
    #[command(flatten)]
    pub(crate) beyond: BeyondArgs,
    #[command(flatten)]
    pub(crate) model: WeightsArgs,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  minigpt compare runs/austen runs/adamw
  minigpt compare runs/* --data wikitext-2 --split valid --quoted --format markdown
  minigpt compare runs/small runs/large --stride 32 --format csv --out sizes.svg")]
pub(crate) struct CompareArgs {
    /// Run folders, models' folders in Hugging Face's layout, GGUF files or nanoGPT's .pt, or
    /// hf:OWNER/MODEL[/FILE.gguf], a row each
    #[arg(required = true, value_name = "MODEL")]
    pub(crate) models: Vec<ModelSource>,
    /// Add what others published for GPT-2 on WikiText-2, and the tutorial's figures, marked as quoted
    #[arg(long)]
    pub(crate) quoted: bool,
    /// How the table is written
    #[arg(long, value_enum, default_value = "text", conflicts_with = "json")]
    pub(crate) format: TableFormat,
    /// The picture, a .png or .svg
    #[arg(long, value_name = "FILE", default_value = "comparison.png")]
    pub(crate) out: PathBuf,
    /// Print a JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) text: EvalTextArgs,
    #[command(flatten)]
    pub(crate) protocol: ProtocolArgs,
    #[command(flatten)]
    pub(crate) model: WeightsArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TableFormat {
    Text,
    Markdown,
    Csv,
}

/// Which text a model is measured on.
#[derive(Args, Debug)]
#[command(next_help_heading = "Text")]
pub(crate) struct EvalTextArgs {
    /// The text, as `minigpt train --data` takes it [default: the run's own]
    #[arg(long, value_name = "SOURCE", allow_hyphen_values = true)]
    pub(crate) data: Option<Source>,
    /// train, valid, test or all [default: valid, or all of a text that has no validation part]
    #[arg(long)]
    pub(crate) split: Option<Portion>,
    /// The field of .jsonl and .json records or column of .csv, .tsv and .parquet files that holds the
    /// text [default: text]
    #[arg(long, value_name = "FIELD", requires = "data")]
    pub(crate) text_field: Option<String>,
    /// Read invalid UTF-8 as U+FFFD instead of refusing the file
    #[arg(long, requires = "data")]
    pub(crate) lossy: bool,
    /// What stands between the values of .csv and .tsv files, as for `minigpt train`
    #[arg(long, value_name = "CHARACTER", requires = "data")]
    pub(crate) separator: Option<Separator>,
    /// Join the records of .jsonl and .parquet files to one text, a line each, instead of taking each for a document
    #[arg(long, requires = "data")]
    pub(crate) lines: bool,
    /// Undo the text's own tokenization: `wikitext` for WikiText; words and bytes are counted as they were before
    #[arg(long, value_name = "RULES")]
    pub(crate) detokenize: Option<Detokenizer>,
}

/// How a text is read, and how far the figures can be trusted.
#[derive(Args, Debug)]
#[command(next_help_heading = "Protocol")]
pub(crate) struct ProtocolArgs {
    /// Maximum number of tokens read before each prediction [default: the model's context]
    #[arg(long, value_name = "TOKENS")]
    pub(crate) context: Option<usize>,
    /// Tokens from one window to the next; fewer than the context give each prediction more context,
    /// for more time [default: the context, so that windows do not overlap]
    #[arg(long, value_name = "TOKENS")]
    pub(crate) stride: Option<usize>,
    /// Windows that go through the model at once: changes time and memory, never a figure
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) batch_size: u32,
    /// Bootstrap resamples for the intervals; 0 leaves them out
    #[arg(long, value_name = "N", default_value_t = Bootstrap::default().resamples)]
    pub(crate) resamples: usize,
    /// Unit of the resamples: windows or documents
    #[arg(long, value_name = "UNIT", default_value = "windows")]
    pub(crate) resample: Unit,
    /// Random seed of the resamples
    #[arg(long, default_value_t = Bootstrap::default().seed)]
    pub(crate) seed: u64,
}

impl EvalArgs {
    /// The models: one, or those of an ensemble.
    pub(crate) fn sources(&self) -> Vec<&ModelSource> {
        self.source.iter().chain(&self.ensemble).collect()
    }
}

impl ProtocolArgs {
    /// One model over windows, whose context is `block_size` where nothing else is said.
    pub(crate) fn protocol(&self, block_size: usize) -> Protocol {
        let context = self.context.unwrap_or(block_size);
        Protocol::windows(context, self.stride.unwrap_or(context))
    }
}
