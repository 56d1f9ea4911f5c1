//! What the command line says, word for word; the commands give it its meaning.

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
mod text;

use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{ArgGroup, Args, Parser, Subcommand};
use minigpt_data::Source;
use minigpt_model::{CacheType, GptConfig};
use minigpt_train::RunConfig;

use self::generation::cache_type;
use crate::device::precision::PrecisionChoice;
use crate::device::{DEVICE_HELP, DeviceChoice, LENT_DEVICE_HELP};

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
pub(crate) use text::{FileArgs, TextArgs};

/// Train a small GPT, look at it, and let it write.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train a model and leave a run folder
    Train(Box<TrainArgs>),
    /// Propose a model and a recipe for a budget of parameters, memory or time
    Plan(PlanArgs),
    /// Train a model further: on other text, instructions, summaries, or labels
    Finetune(Box<FinetuneArgs>),
    /// Tell what texts are, with a model tuned to
    Classify(ClassifyArgs),
    /// Continue prompts with a trained model
    Generate(GenerateArgs),
    /// Complete a text, 50 tokens
    #[command(after_help = "Examples:
  minigpt complete \"The key to success is \" --run runs/austen
  minigpt complete \"It was\" -n 3 --temperature 0.8")]
    Complete(ApplicationArgs),
    /// Tell a story about a theme, 200 tokens
    #[command(after_help = "Examples:
  minigpt story \"a magical forest\" --run runs/austen
  minigpt story \"a lost letter\" --no-repeat-ngram 4")]
    Story(ApplicationArgs),
    /// Answer a question, 100 tokens, from an index of your texts if there is one
    Ask(AskArgs),
    /// Keep the passages of your texts in an index for `minigpt ask`
    Index(IndexArgs),
    /// Write with the model in turns; it remembers what was said
    Repl(ReplArgs),
    /// Answer over HTTP: OpenAI's API, a chat page, a playground, and runs while they train
    Serve(ServeArgs),
    /// Draw what each head attends to, and name its habit
    Attention(AttentionArgs),
    /// Write a model as transformers or llama.cpp read it
    #[command(group = ArgGroup::new("written").required(true).multiple(true).args(["out", "gguf"]))]
    Export(ExportArgs),
    /// List the models in the cache of the Hugging Face hub, fetch some, remove some
    Models(ModelsArgs),
    /// Measure a trained model on a text, or put questions to it
    Eval(EvalArgs),
    /// Measure several models on one text, as a table and a picture
    Compare(CompareArgs),
    /// Look at a text as a model will see it, or tokenize it ahead
    #[command(subcommand)]
    Data(DataCommand),
    /// Draw the loss curves of one run, or of several overlaid
    Plot(PlotArgs),
    /// Write the report of a run, or of several compared: HTML, Markdown, LaTeX tables
    Report(ReportArgs),
    /// Time training steps or written tokens of a model of any shape, on random tokens
    Bench(BenchArgs),
    /// List runs, and free space
    Runs(RunsArgs),
    /// Export runs to MLflow and trackio
    Track(TrackArgs),
    /// List the devices that can train
    Devices(DevicesArgs),
    /// Check this machine and this program: processor, memory, devices, caches, disk and hub
    Doctor(DoctorArgs),
    /// Lend a device to runs that other machines start
    Worker(WorkerArgs),
}

impl Command {
    /// Whether it takes training steps.
    pub(crate) fn trains(&self) -> bool {
        match self {
            Self::Train(_) | Self::Plan(_) | Self::Finetune(_) | Self::Worker(_) => true,
            Self::Bench(args) => !args.decode,
            _ => false,
        }
    }
}

#[derive(Args, Debug)]
#[command(
    args_override_self = true,
    after_help = "Examples:
  minigpt train                                  four novels, minutes on two CPU cores
  minigpt train --preset tiny                    seconds, to see that everything works
  minigpt train --data notes.txt --name notes    your own text
  minigpt train --data \"books/*.txt.gz\" --tokenizer char
  minigpt train --preset wikitext2               the article's experiment, from the hub
  minigpt train --preset wikitext2-hour --data wikitext-2
  minigpt train --set optimizer.kind=muon --set training.ema_decay=0.999
  minigpt train --precision auto                 faster where the processor has bf16
  minigpt train --dry-run --model gpt2           what it would cost
  minigpt train --devices gpu:0,gpu:1            half of each batch on each
  minigpt train --devices gpu,remote:den:7000    and on other machines, see `minigpt worker`
  minigpt train --serve                          with curves in a browser, at http://127.0.0.1:8080/runs
  minigpt train --resume runs/notes              go on where it stopped
  minigpt train --continue runs/notes --more-epochs 2        continue a complete run, as runs/notes-2
  minigpt train --continue runs/notes --more-steps 500 --from-step 1000 --dry-run

Exit codes: 0 done, 1 an error, 2 a wrong command line, 130 interrupted by Ctrl-C and saved, 143 by SIGTERM,
129 by the end of the terminal."
)]
pub(crate) struct TrainArgs {
    #[arg(
        long,
        help = one_of("Where every setting starts from", &RunConfig::PRESETS),
        default_value = "austen"
    )]
    pub(crate) preset: String,
    /// `embedded`, a file (text, .jsonl, .json, .csv, .tsv, .parquet; also .gz, .xz, .zst), a folder or
    /// a quoted pattern of them, - for standard input, or hf:OWNER/DATASET from the Hugging Face hub,
    /// with /CONFIG and @REVISION after it where needed; a folder with train.* and valid.* brings its
    /// split
    /// [default: the preset's]
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) data: Option<Source>,
    #[command(flatten)]
    pub(crate) text: TextArgs,
    #[arg(long, help = one_of("Size of the model", &GptConfig::PRESETS))]
    pub(crate) model: Option<String>,
    /// Name of the run, the folder under --runs [default: the preset's, numbered where taken]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Folder that holds the runs
    #[arg(long, default_value = "runs")]
    pub(crate) runs: PathBuf,
    #[command(flatten)]
    pub(crate) recipe: RecipeArgs,
    #[command(flatten)]
    pub(crate) session: SessionArgs,
    /// Share each batch among several devices, as gpu:0,gpu:1 or gpu,remote:HOST:PORT: the first keeps the
    /// weights and validates
    #[arg(long, value_name = "DEVICES", value_delimiter = ',', conflicts_with = "device")]
    pub(crate) devices: Vec<DeviceChoice>,
    /// Continue this run folder from its last checkpoint, exactly; only --device, --devices, --cache, --dry-run,
    /// --tui, --json and --serve go with it
    #[arg(long, value_name = "RUN", conflicts_with_all = [
        "preset", "data", "valid", "text_field", "lossy", "separator", "lines", "tokenizer", "model", "name", "runs", "epochs",
        "max_steps", "max_minutes", "batch_size", "learning_rate", "dropout", "eval_every", "save_every",
        "skip_bad_steps", "config", "set", "prompt", "seed", "precision",
    ])]
    pub(crate) resume: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) continuing: ContinueArgs,
}

/// How long and how a model learns.
#[derive(Args, Debug)]
pub(crate) struct RecipeArgs {
    /// Passes over the training text
    #[arg(long)]
    pub(crate) epochs: Option<usize>,
    /// Take this many steps instead of whole passes
    #[arg(long)]
    pub(crate) max_steps: Option<usize>,
    /// End the run after this many minutes; one that is resumed has them again
    #[arg(long, value_name = "MINUTES")]
    pub(crate) max_minutes: Option<f64>,
    /// Windows in a step
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
    /// Steps between checkpoints besides those of the validations
    #[arg(long)]
    pub(crate) save_every: Option<usize>,
    /// Steps that may be left out because their loss or gradient is NaN or infinite
    #[arg(long, value_name = "STEPS")]
    pub(crate) skip_bad_steps: Option<usize>,
    /// A file of settings in TOML, with the sections and names of a run's config.json
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Any setting by its name in config.json, as optimizer.kind=muon; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// What the samples continue
    #[arg(long)]
    pub(crate) prompt: Option<String>,
    /// Seed of weights, order and dropout
    #[arg(long)]
    pub(crate) seed: Option<u64>,
}

/// Where a run computes, and how it is shown.
#[derive(Args, Debug)]
pub(crate) struct SessionArgs {
    #[arg(long, help = DEVICE_HELP, default_value = "auto")]
    pub(crate) device: DeviceChoice,
    /// What matrix products are computed in: f32, bf16, f16, or auto: 16 bits where the device has them
    /// [default: the preset's, f32]
    #[arg(long)]
    pub(crate) precision: Option<PrecisionChoice>,
    /// Print what the run would be and cost, and stop; with --resume what is left, with --continue what is
    /// added
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Show the run on the whole screen, with curves; Ctrl-C stops it with a checkpoint, and so do q and then s
    #[arg(long, conflicts_with_all = ["json", "dry_run"])]
    pub(crate) tui: bool,
    /// Print each event of the run as a line of JSON on standard output, its summary last; progress
    /// goes to standard error
    #[arg(long)]
    pub(crate) json: bool,
    /// Show the run in a browser while it trains, with its curves and samples: at this address, or without one at
    /// 127.0.0.1:8080. With MINIGPT_API_KEY set, who asks must know it
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
    /// Say what a text is: size, tokens, frequencies, split, and whether it is enough for a model
    #[command(after_help = "Examples:
  minigpt data stats
  minigpt data stats books/ --tokenizer bpe:4096 --model mini
  minigpt data stats hf:Salesforce/wikitext/wikitext-2-v1 --preset wikitext2 --json")]
    Stats(DataArgs),
    /// Tokenize a text into the cache and do nothing else; training then starts at once
    #[command(after_help = "Examples:
  minigpt data prepare books/ --tokenizer bpe:4096
  minigpt data prepare --preset wikitext103")]
    Prepare(DataArgs),
}

#[derive(Args, Debug)]
pub(crate) struct DataArgs {
    /// The text, as `minigpt train --data` takes it [default: the preset's]
    pub(crate) source: Option<Source>,
    /// Where tokenizer and model come from if nothing else is said
    #[arg(long, default_value = "austen")]
    pub(crate) preset: String,
    #[command(flatten)]
    pub(crate) text: TextArgs,
    #[arg(long, help = one_of("Size of the model the text is for", &GptConfig::PRESETS))]
    pub(crate) model: Option<String>,
    /// Print a JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  minigpt devices
  minigpt devices --json
  minigpt devices --check gpu          twice, since a second start uses the kernels that the first one chose
  MINIGPT_PLAIN_GPU=1 minigpt devices --check gpu     without fusion and kept autotune results")]
pub(crate) struct DevicesArgs {
    /// Compare what a device computes with the processor: logits, cached and not, and training steps; exit code
    /// 1 where they differ by more than rounding
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
  MINIGPT_TOKEN=secret minigpt train --devices gpu,remote:den:7000     there, to use it

Nothing is encrypted: across a network that is not yours, through a tunnel only. A run gives a worker up that
does not answer for two minutes, or for MINIGPT_WORKER_TIMEOUT seconds, set where the run is.")]
pub(crate) struct WorkerArgs {
    /// Address to listen at; with port 0, at a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:7000")]
    pub(crate) listen: String,
    /// Secret that a run must know; it takes its own from the same variable
    #[arg(long, env = "MINIGPT_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    #[arg(long, help = LENT_DEVICE_HELP, default_value = "auto")]
    pub(crate) device: DeviceChoice,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  minigpt bench                                  the article's model, 50257 ids
  minigpt bench --vocab 4096 --context 256 --batch 8
  minigpt bench --model mini-llama --vocab 4096  the same size in today's shape
  minigpt bench --model smollm2-135m --decode    tokens a second, one text
  minigpt bench --decode --model model.gguf      prompt, one text and several of a file
  minigpt bench --decode --model model.gguf --peer python     beside llama.cpp, with xllamacpp
  minigpt bench --decode --model model.gguf --lengths 128,512,1024,2048 --out speed.png")]
pub(crate) struct BenchArgs {
    #[arg(long, help = one_of("Shape of the model, with its own vocabulary if it was published; with --decode or --tune also a file, a folder or a run", &GptConfig::PRESETS), conflicts_with_all = ["layers", "heads", "width"])]
    pub(crate) model: Option<String>,
    /// Token ids [default: 50257, or the model's]
    #[arg(long)]
    pub(crate) vocab: Option<usize>,
    /// Positions [default: 128]
    #[arg(long)]
    pub(crate) context: Option<usize>,
    /// Blocks
    #[arg(long, default_value_t = 4)]
    pub(crate) layers: usize,
    /// Heads of each block
    #[arg(long, default_value_t = 8)]
    pub(crate) heads: usize,
    /// Width of the residual stream
    #[arg(long, default_value_t = 256)]
    pub(crate) width: usize,
    /// Windows in a step [default: 16]
    #[arg(long)]
    pub(crate) batch: Option<usize>,
    /// Probability that a value is dropped while training [default: 0.1]
    #[arg(long)]
    pub(crate) dropout: Option<f64>,
    /// Compute the inside of each block again in the backward pass
    #[arg(long, conflicts_with = "decode")]
    pub(crate) gradient_checkpointing: bool,
    /// Optimise the matrices inside the blocks with Muon instead of AdamW
    #[arg(long, conflicts_with = "decode")]
    pub(crate) muon: bool,
    /// What matrix products are computed in: f32, bf16, f16, or auto: 16 bits where the device has them
    /// [default: f32]
    #[arg(long)]
    pub(crate) precision: Option<PrecisionChoice>,
    /// Steps to time, after two that are not [default: 6]
    #[arg(long)]
    pub(crate) steps: Option<usize>,
    /// Time tuning the model of a file: all its weights or, with --lora, an adapter beside them
    /// [default of --batch: 4, of --context: 256]
    #[arg(long, conflicts_with_all = ["decode", "muon", "vocab", "dropout"], requires = "model")]
    pub(crate) tune: bool,
    /// With --tune: rank of the adapter
    #[arg(long, value_name = "RANK", requires = "tune")]
    pub(crate) lora: Option<usize>,
    /// With --lora: matrices with an adapter, as for `minigpt finetune` [default: all-linear]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', requires = "lora")]
    pub(crate) lora_targets: Option<Vec<String>>,
    /// Time writing instead: as many tokens as the context has positions
    #[arg(long)]
    pub(crate) decode: bool,
    /// With --decode and a file: tokens of the prompt that is read [default: 512, or what the context has]
    #[arg(long, value_name = "N", requires = "decode", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) prompt: Option<u32>,
    /// With --decode and a file: tokens of each text [default: 64, or what the context has]
    #[arg(long, value_name = "N", requires = "decode", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) tokens: Option<u32>,
    /// With --decode and a file: texts that are written at once [default: 8]
    #[arg(long, value_name = "N", requires = "decode", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) texts: Option<u32>,
    /// With --decode and a file: what weights are kept as, as for `minigpt generate`; with --lora: what the frozen ones
    /// are, as for `minigpt finetune` [default: auto]
    #[arg(long, value_name = "TYPE")]
    pub(crate) weights: Option<WeightsChoice>,
    /// With --decode and a file: what keys and values of the tokens before are kept as, as for `minigpt generate`
    /// [default: f32]
    #[arg(long, value_name = "TYPE", requires = "decode", value_parser = cache_type)]
    pub(crate) cache_type: Option<CacheType>,
    /// With --decode and a file: how fast one text is written where it has so many tokens, as 128,512,2048, instead of
    /// the rest; of each, --tokens are timed [default: 16]
    #[arg(long, value_name = "TOKENS", value_delimiter = ',', requires = "decode", conflicts_with_all = ["prompt", "texts"], value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) lengths: Vec<u32>,
    /// With --lengths: a picture of it, a .png or .svg
    #[arg(long, value_name = "FILE", requires = "lengths")]
    pub(crate) out: Option<PathBuf>,
    /// With --decode and a GGUF file: a Python that has xllamacpp, to time llama.cpp with the same file
    #[arg(long, value_name = "PYTHON", requires = "decode")]
    pub(crate) peer: Option<PathBuf>,
    #[arg(long, help = DEVICE_HELP, default_value = "cpu")]
    pub(crate) device: DeviceChoice,
    /// Print a JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// A help text that ends with the names to choose from.
fn one_of(what: &str, names: &[&str]) -> String {
    let (last, others) = names.split_last().unwrap_or((&"", &[]));
    format!("{what}: {} or {last}", others.join(", "))
}
