//! What the command line says, word for word; the commands give it its meaning.

mod about;
mod bench;
mod beyond;
mod continuing;
mod escapes;
mod evaluation;
mod finetuning;
mod generation;
mod plan;
mod plot;
mod quantity;
mod records;
mod report;
mod retrieval;
mod serving;
mod sweep;
mod teaching;
mod text;

use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{ArgGroup, Args, Parser, Subcommand};
use minigpt_data::Source;
use minigpt_model::GptConfig;
use minigpt_train::RunConfig;

use crate::device::precision::PrecisionChoice;
use crate::device::{DEVICE_HELP, DeviceChoice, LENT_DEVICE_HELP};

pub(crate) use about::{CompletionsArgs, ManualArgs, Topic, TopicsArgs};
pub(crate) use bench::BenchArgs;
pub(crate) use beyond::BeyondArgs;
pub(crate) use continuing::ContinueArgs;
pub(crate) use evaluation::{CompareArgs, EvalArgs, EvalTextArgs, ProtocolArgs, TableFormat};
pub(crate) use finetuning::{ClassifyArgs, FinetuneArgs};
pub(crate) use generation::{
    ApplicationArgs, AttentionArgs, ExportArgs, GenerateArgs, ModelArgs, ModelsArgs, ModelsCommand,
    ReplArgs, SamplingArgs, WeightsArgs, WeightsChoice, WriteArgs,
};
pub(crate) use plan::PlanArgs;
pub(crate) use plot::PlotArgs;
pub(crate) use records::{DoctorArgs, RunOrder, RunsArgs, TrackArgs};
pub(crate) use report::ReportArgs;
pub(crate) use retrieval::{AskArgs, IndexArgs};
pub(crate) use serving::NamedAdapter;
pub(crate) use serving::ServeArgs;
pub(crate) use sweep::SweepArgs;
pub(crate) use teaching::TeachingArgs;
pub(crate) use text::{FileArgs, TextArgs};

/// Train small language models, see how they work, and run them.
#[derive(Debug, Parser)]
#[command(name = "minigpt", version)]
pub(crate) struct Cli {
    /// Without one, three things to do next are shown.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train a model and save it in a run folder
    Train(Box<TrainArgs>),
    /// Train with many settings and find the best: grid or random search, seeds, successive halving
    Sweep(SweepArgs),
    /// Propose a model and a recipe for a budget of parameters, memory or time
    Plan(PlanArgs),
    /// Fine-tune a model on text, instructions, summaries or labels
    Finetune(Box<FinetuneArgs>),
    /// Classify texts with a fine-tuned model
    Classify(ClassifyArgs),
    /// Continue prompts with a trained model
    Generate(GenerateArgs),
    /// Complete a text with 50 tokens
    #[command(after_help = "Examples:
  minigpt complete \"The key to success is \" --run runs/austen
  minigpt complete \"It was\" -n 3 --temperature 0.8")]
    Complete(ApplicationArgs),
    /// Write a story of 200 tokens about a theme
    #[command(after_help = "Examples:
  minigpt story \"a magical forest\" --run runs/austen
  minigpt story \"a lost letter\" --no-repeat-ngram 4")]
    Story(ApplicationArgs),
    /// Answer a question in 100 tokens, from an index of your texts if there is one
    Ask(AskArgs),
    /// Index your texts for `minigpt ask`
    Index(IndexArgs),
    /// Talk with a model in turns, in the terminal
    #[command(name = "chat", visible_alias = "repl")]
    Repl(ReplArgs),
    /// Serve models over HTTP: OpenAI's API, a chat page, a playground, and the runs
    Serve(ServeArgs),
    /// Draw what each attention head attends to, and measure its habit: previous token, first token, …
    Attention(AttentionArgs),
    /// Export a model for transformers, llama.cpp or Ollama
    #[command(group = ArgGroup::new("written").required(true).multiple(true).args(["out", "gguf"]))]
    Export(ExportArgs),
    /// List, download and remove models of the Hugging Face hub
    Models(ModelsArgs),
    /// Measure a model on a text or on questions
    Eval(EvalArgs),
    /// Measure several models on one text, as a table and a picture
    Compare(CompareArgs),
    /// Describe a text as a model will see it, or tokenize it ahead
    #[command(subcommand)]
    Data(DataCommand),
    /// Draw the loss curves of one run, or of several overlaid
    Plot(PlotArgs),
    /// Write a report on a run, or on several for comparison: HTML, Markdown, LaTeX tables
    Report(ReportArgs),
    /// Measure the speed of training steps or of generation
    Bench(BenchArgs),
    /// List runs, and free space
    Runs(RunsArgs),
    /// Export runs to MLflow or trackio
    Track(TrackArgs),
    /// List the devices that can train
    Devices(DevicesArgs),
    /// Check this machine and this program: processor, memory, devices, caches, disk and hub
    Doctor(DoctorArgs),
    /// Lend this machine's device to runs on other machines
    Worker(WorkerArgs),
    /// Explain sampling, data, devices or protocols
    Topics(TopicsArgs),
    /// Print a script that completes commands in a shell
    Completions(CompletionsArgs),
    /// Write the manual's pages, for packages
    #[command(hide = true)]
    Manual(ManualArgs),
}

impl Command {
    /// Whether it begins with training steps; `train` and `finetune` keep freed memory from their first step on.
    pub(crate) fn keeps_freed_memory(&self) -> bool {
        match self {
            Self::Sweep(_) | Self::Plan(_) | Self::Worker(_) => true,
            Self::Bench(args) => !args.decode,
            _ => false,
        }
    }
}

#[derive(Args, Debug)]
#[command(
    args_override_self = true,
    after_help = "Examples:
  minigpt train                                  four novels, a minute on two CPU cores
  minigpt train --preset tiny                    a few seconds, to test the installation
  minigpt train --data notes.txt --name notes    your own text
  minigpt train --data notes.txt --minutes 20    sizes and recipe chosen for the time
  minigpt train --data \"books/*.txt.gz\" --tokenizer char
  minigpt train --preset wikitext2               the tutorial's experiment, from the hub
  minigpt train --preset wikitext2-hour --data wikitext-2
  minigpt train --set optimizer.kind=adamw --learning-rate 3e-3
  minigpt train --precision f32                  without 16-bit products
  minigpt train --teacher runs/one,runs/two      learn from what two runs make of the text, too
  minigpt train --dry-run --model gpt2           what it would cost
  minigpt train --devices gpu:0,gpu:1            half of each batch on each GPU
  minigpt train --devices gpu,remote:den:7000    on other machines too, see `minigpt worker`
  minigpt train --serve                          with curves in a browser, at 127.0.0.1:8080/runs
  minigpt train --resume runs/notes              resume from the last checkpoint
  minigpt train --continue runs/notes --more-epochs 2     continue a complete run as runs/notes-2
  minigpt train --continue runs/notes --more-steps 500 --from-step 1000 --dry-run

Exit codes: 0 done, 1 an error, 2 a wrong command line. A run that was stopped and saved exits with
130 after Ctrl-C, 143 after SIGTERM, 129 after the end of the terminal."
)]
pub(crate) struct TrainArgs {
    #[arg(
        long,
        help = one_of("Data, model and recipe to start from", &RunConfig::PRESETS),
        default_value = "austen"
    )]
    pub(crate) preset: String,
    /// `embedded`, a file (text, .jsonl, .json, .csv, .tsv, .parquet; also .gz, .xz, .zst), a folder or
    /// a quoted pattern of them, - for standard input, or hf:OWNER/DATASET from the Hugging Face hub,
    /// with /CONFIG and @REVISION after it where needed; of a folder with train.* and valid.*, valid.* is
    /// held out
    /// [default: the preset's]
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) data: Option<Source>,
    #[arg(long, help = one_of("Size of the model", &GptConfig::PRESETS))]
    pub(crate) model: Option<String>,
    /// Train for about this many minutes: measure this machine, then choose vocabulary, model sizes, batch, learning rate
    /// and passes for it and for the text; options of the recipe override these choices
    #[arg(long, value_name = "MINUTES", conflicts_with_all = [
        "preset", "model", "config", "epochs", "max_steps", "max_minutes", "batch_size", "continue", "teacher",
    ])]
    pub(crate) minutes: Option<f64>,
    /// Name of the run and of its folder under --runs [default: the preset's name, with a number if it is taken]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Folder that holds the runs
    #[arg(long, default_value = "runs")]
    pub(crate) runs: PathBuf,
    #[command(flatten)]
    pub(crate) text: TextArgs,
    #[command(flatten)]
    pub(crate) recipe: RecipeArgs,
    #[command(flatten)]
    pub(crate) teaching: TeachingArgs,
    /// Share each batch among several devices, as gpu:0,gpu:1 or gpu,remote:HOST:PORT: the first device keeps
    /// the weights and validates
    #[arg(
        long,
        value_name = "DEVICES",
        value_delimiter = ',',
        conflicts_with = "device",
        help_heading = "Device and display"
    )]
    pub(crate) devices: Vec<DeviceChoice>,
    /// Resume this run exactly, from its last checkpoint; only --device, --devices, --cache, --dry-run, --tui,
    /// --json and --serve can be combined with it
    #[arg(long, value_name = "RUN", help_heading = "Continue a run", conflicts_with_all = [
        "preset", "data", "valid", "text_field", "lossy", "separator", "lines", "tokenizer", "model", "minutes", "name",
        "runs", "epochs",
        "max_steps", "max_minutes", "batch_size", "learning_rate", "dropout", "eval_every", "save_every",
        "skip_bad_steps", "config", "set", "prompt", "seed", "precision", "teacher",
    ])]
    pub(crate) resume: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) session: SessionArgs,
    #[command(flatten)]
    pub(crate) continuing: ContinueArgs,
}

/// How long and how a model learns.
#[derive(Args, Debug)]
#[command(next_help_heading = "Recipe (default: that of the preset or task)")]
pub(crate) struct RecipeArgs {
    /// Passes over the training text
    #[arg(long)]
    pub(crate) epochs: Option<usize>,
    /// Take this many steps instead of whole passes
    #[arg(long)]
    pub(crate) max_steps: Option<usize>,
    /// End after this many minutes; a resumed run gets the same time again
    #[arg(long, value_name = "MINUTES")]
    pub(crate) max_minutes: Option<f64>,
    /// Windows of text, or examples, per training step
    #[arg(long)]
    pub(crate) batch_size: Option<usize>,
    /// Peak learning rate
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) learning_rate: Option<f64>,
    /// Probability that a value is dropped while training
    #[arg(long)]
    pub(crate) dropout: Option<f64>,
    /// Steps between validations
    #[arg(long)]
    pub(crate) eval_every: Option<usize>,
    /// Steps between additional checkpoints; each validation saves one too
    #[arg(long)]
    pub(crate) save_every: Option<usize>,
    /// Skip up to this many steps whose loss or gradient is NaN or infinite
    #[arg(long, value_name = "STEPS")]
    pub(crate) skip_bad_steps: Option<usize>,
    /// A file of settings in TOML, with the sections and names of a run's config.json
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Set any setting by its name in config.json, such as optimizer.kind=adamw; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Prompt of the sample texts that are written during training
    #[arg(long)]
    pub(crate) prompt: Option<String>,
    /// Random seed of initial weights, data order and dropout
    #[arg(long)]
    pub(crate) seed: Option<u64>,
}

/// Where a run computes, and how it is shown.
#[derive(Args, Debug)]
#[command(next_help_heading = "Device and display")]
pub(crate) struct SessionArgs {
    #[arg(long, help = DEVICE_HELP, default_value = "auto")]
    pub(crate) device: DeviceChoice,
    /// Number format of matrix products: f32, bf16, f16, or auto (16 bits where the device has them)
    /// [default: the preset's]
    #[arg(long)]
    pub(crate) precision: Option<PrecisionChoice>,
    /// Print the model, length and cost of the run, and stop; with --resume, of the remaining steps; with --continue,
    /// of the added steps; with --minutes, of what it chooses
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Show the run with its curves on the whole terminal; Ctrl-C, or q and then s, saves a checkpoint and stops
    #[arg(long, conflicts_with_all = ["json", "dry_run"])]
    pub(crate) tui: bool,
    /// Print each event of the run as a line of JSON on standard output, the run's summary last; progress
    /// goes to standard error
    #[arg(long)]
    pub(crate) json: bool,
    /// Show the run in a browser while it trains, with its curves and samples; without HOST:PORT, at
    /// 127.0.0.1:8080. If MINIGPT_API_KEY is set, clients must send that key
    #[arg(
        long,
        value_name = "HOST:PORT",
        num_args = 0..=1,
        default_missing_value = "127.0.0.1:8080",
        conflicts_with = "dry_run"
    )]
    pub(crate) serve: Option<String>,
}

/// A path that may be empty, as the value of a variable that a script left blank.
fn folder_or_nothing() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Describe a text: size, tokens, frequencies, split, and whether it is large enough for a model
    #[command(after_help = "Examples:
  minigpt data stats
  minigpt data stats books/ --tokenizer bpe:4096 --model mini
  minigpt data stats hf:Salesforce/wikitext/wikitext-2-v1 --preset wikitext2 --json")]
    Stats(DataArgs),
    /// Tokenize a text into the cache, so that training starts at once
    #[command(after_help = "Examples:
  minigpt data prepare books/ --tokenizer bpe:4096
  minigpt data prepare --preset wikitext103")]
    Prepare(DataArgs),
}

#[derive(Args, Debug)]
pub(crate) struct DataArgs {
    /// The text, as `minigpt train --data` takes it [default: the preset's]
    pub(crate) source: Option<Source>,
    /// Preset that sets the tokenizer and model, unless options set them
    #[arg(long, default_value = "austen")]
    pub(crate) preset: String,
    #[arg(long, help = one_of("Size of the model the text is for", &GptConfig::PRESETS))]
    pub(crate) model: Option<String>,
    /// Print a JSON object
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) text: TextArgs,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  minigpt devices
  minigpt devices --json
  minigpt devices --check gpu          run it twice: a second start uses the first one's kernels
  MINIGPT_PLAIN_GPU=1 minigpt devices --check gpu     without fusion and cached autotune results")]
pub(crate) struct DevicesArgs {
    /// Compare a device's results with the processor's: logits with and without the key-value cache, and training
    /// steps; exit code 1 if they differ by more than rounding
    #[arg(long, value_name = "DEVICE")]
    pub(crate) check: Option<DeviceChoice>,
    /// Print a JSON array
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  minigpt worker                                          for runs on this machine
  MINIGPT_TOKEN=secret minigpt worker --listen 0.0.0.0:7000
  MINIGPT_TOKEN=secret minigpt train --devices gpu,remote:den:7000     to use it elsewhere

Traffic is not encrypted: use a tunnel across a network that you do not trust. A run gives up on a
worker that does not answer for two minutes. Set MINIGPT_WORKER_TIMEOUT for the run to change these
120 seconds.")]
pub(crate) struct WorkerArgs {
    /// Address to listen at; port 0 means any free port
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:7000")]
    pub(crate) listen: String,
    /// Secret that a run must send; set MINIGPT_TOKEN on the run's machine too
    #[arg(long, env = "MINIGPT_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    #[arg(long, help = LENT_DEVICE_HELP, default_value = "auto")]
    pub(crate) device: DeviceChoice,
}

/// A help text that ends with the names to choose from.
fn one_of(what: &str, names: &[&str]) -> String {
    let (last, others) = names.split_last().unwrap_or((&"", &[]));
    format!("{what}: {} or {last}", others.join(", "))
}
