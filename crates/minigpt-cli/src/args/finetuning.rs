//! What the commands that tune models, or classify with one, are told.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use minigpt_data::{ModelSource, Source, WeightedSource};
use minigpt_train::{FinetuneTask, Recipe};

use super::{FileArgs, RecipeArgs, SessionArgs, WeightsChoice, folder_or_nothing, one_of};
use crate::device::{DEVICE_HELP, DeviceChoice};

/// Groups of the help.
const EXAMPLES: &str = "Examples of the task";
const ADAPTER: &str = "Adapter";

#[derive(Args, Debug)]
#[command(
    args_override_self = true,
    group = ArgGroup::new("adapted").multiple(true).args(["lora", "recipe_name"]),
    after_help = "Examples:
  minigpt finetune SmolLM2-135M-Instruct.Q4_1.gguf --recipe chat --data chats.jsonl
  minigpt finetune runs/austen --task lm --data letters.txt
  minigpt finetune runs/wiki --task instruct --data instructions.json --name tuned
  minigpt finetune hf:openai-community/gpt2 --task summarize --data news.jsonl --skip-long
  minigpt finetune SmolLM2-135M-Instruct.Q8_0.gguf --task instruct --data chats.jsonl --lora 8
  minigpt finetune SmolLM2-135M-Instruct.Q4_1.gguf --task lm --data letters.txt --lora 8
  minigpt finetune runs/wiki --task classify --data reviews.csv --valid more-reviews.csv
  minigpt finetune runs/wiki --task classify --data exported.csv --separator \";\" --lossy
  minigpt finetune runs/wiki --task instruct --data chats.jsonl:3 --data \"more/*.parquet\" --skip-bad
  minigpt finetune runs/wiki --task instruct --data chats.jsonl --show 3   prints three
  minigpt finetune runs/tuned --task prefer --data preferences.jsonl --lora 8
  minigpt finetune runs/wiki --task instruct --data instructions.json --lora 8 --name adapted
  minigpt generate runs/wiki --adapter runs/adapted/adapter --prompt \"It was\"
  minigpt train --resume runs/tuned              resume from the last checkpoint

Examples are JSON lines, a JSON list, rows of .parquet, or a .csv or .tsv table with names in its
first line; also packed, in a folder or from the hub:
  instruct   messages, a list of role and content, or conversations of from and value (ShareGPT); or
             instruction, input (may be missing), output; or prompt, completion; or question, answer
  summarize  document, summary
  classify   text, label
  prefer     prompt, chosen, rejected: texts, or lists of messages
Instructions and conversations are formatted with the model's own chat template, where it has one,
or with --template. The last tenth of each source is held out, or its own validation files, or what
--valid names. Answers are learnt, prompts are not; ask, generate and repl format a tuned model's
prompts as in training. A run ends after two passes without a better validation
(training.patience).

Exit codes: as those of `minigpt train`."
)]
pub(crate) struct FinetuneArgs {
    /// The base: a run folder, a model's folder in Hugging Face's layout, its GGUF file or nanoGPT's .pt, or
    /// hf:OWNER/MODEL[/FILE.gguf]
    #[arg(value_name = "MODEL")]
    pub(crate) base: ModelSource,
    #[arg(long, help = one_of("Task", &FinetuneTask::ALL.map(FinetuneTask::name)), required_unless_present = "recipe_name")]
    task: Option<FinetuneTask>,
    #[arg(long = "recipe", value_name = "NAME", help = recipes(), conflicts_with = "fresh")]
    pub(crate) recipe_name: Option<Recipe>,
    /// Examples of the task: a file, a folder, a quoted pattern, - for standard input or hf:OWNER/DATASET[/CONFIG]; given
    /// several times, all are learnt, and with :WEIGHT after it, a source comes WEIGHT times in each pass. For lm a text, as
    /// `minigpt train --data` takes it
    #[arg(long, required = true, value_name = "SOURCE[:WEIGHT]", allow_hyphen_values = true)]
    pub(crate) data: Vec<WeightedSource>,
    /// Held-out examples or text [default: its own, or its last tenth]
    #[arg(long, value_name = "SOURCE", allow_hyphen_values = true)]
    pub(crate) valid: Option<Source>,
    /// Leave examples out that are longer than the context instead of refusing the file
    #[arg(long, help_heading = EXAMPLES)]
    pub(crate) skip_long: bool,
    /// Leave the last turns of conversations out that are longer than the context, until the others fit
    #[arg(long, help_heading = EXAMPLES, conflicts_with = "skip_long")]
    pub(crate) shorten_long: bool,
    /// Leave invalid examples out, and say how many for which reason, instead of refusing the file
    #[arg(long, help_heading = EXAMPLES)]
    pub(crate) skip_bad: bool,
    /// Print this many examples as the model reads them, with the learnt parts marked, and train nothing
    #[arg(long, help_heading = EXAMPLES, value_name = "N", conflicts_with_all = ["dry_run", "tui", "serve"])]
    pub(crate) show: Option<usize>,
    /// How conversations become text: instruct, chatml, llama3, plain, or a file of Jinja [default: the model's own, or
    /// instruct]
    #[arg(long, help_heading = EXAMPLES, value_name = "NAME|FILE")]
    pub(crate) template: Option<String>,
    /// Learn the last answer of each conversation alone, instead of every one
    #[arg(long, help_heading = EXAMPLES)]
    pub(crate) last_answer: bool,
    /// With --task lm: tokens of the windows that a text is learnt in; attention of a window costs the square of it
    /// [default: the model's context]
    #[arg(long, value_name = "TOKENS")]
    pub(crate) context: Option<usize>,
    /// Put several examples into each row, one after the other, up to so many tokens: none sees another, and a batch of
    /// rows has more of them. For --task instruct and summarize
    #[arg(long, help_heading = EXAMPLES, value_name = "TOKENS")]
    pub(crate) pack: Option<usize>,
    /// With --task prefer: how strongly the model is held to its base; a larger BETA keeps it closer [default: 0.1]
    #[arg(long, value_name = "BETA")]
    pub(crate) beta: Option<f64>,
    /// Measure what tuning makes the model forget: its perplexity on this text before and after. Takes a text as
    /// `minigpt eval --data` does. Not with --resume
    #[arg(long, value_name = "SOURCE", allow_hyphen_values = true)]
    pub(crate) forgetting: Option<Source>,
    /// Questions, as for `minigpt eval --tasks`, that are put to the base and to the tuned model. Not after --resume
    #[arg(long, value_name = "TASKS")]
    pub(crate) tasks: Vec<String>,
    /// Start from new random weights of the same shape, to see what the base's weights contribute
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Freeze the model's weights and train a LoRA adapter of this rank, which is saved in the run's folder
    /// `adapter`
    #[arg(long, help_heading = ADAPTER, value_name = "RANK", conflicts_with = "fresh")]
    pub(crate) lora: Option<usize>,
    /// Scale of the adapter: what it adds is multiplied by ALPHA / RANK [default: twice the rank]
    #[arg(long, help_heading = ADAPTER, value_name = "ALPHA", requires = "adapted")]
    pub(crate) lora_alpha: Option<f64>,
    /// Divide by the root of the rank instead: rsLoRA, for ranks above 16 or so
    #[arg(long, help_heading = ADAPTER, requires = "adapted")]
    pub(crate) lora_rank_stabilized: bool,
    /// Probability that an input of the adapter is dropped while training [default: 0]
    #[arg(long, help_heading = ADAPTER, value_name = "RATE", requires = "adapted")]
    pub(crate) lora_dropout: Option<f64>,
    /// Matrices with an adapter, as c_attn,mlp.c_proj, or by a Llama's names q_proj,v_proj, and wte for the
    /// vectors of the tokens; all-linear for all but these [default: all-linear]
    #[arg(long, help_heading = ADAPTER, value_name = "NAMES", value_delimiter = ',', requires = "adapted")]
    pub(crate) lora_targets: Option<Vec<String>>,
    /// Train the length of each column of these matrices too, apart from its direction: DoRA
    #[arg(long, help_heading = ADAPTER, requires = "adapted")]
    pub(crate) dora: bool,
    /// Matrices to train as a whole beside the adapter, and to save with it: wte (the token embedding and a tied
    /// head), which a Llama calls embed_tokens; PEFT's modules_to_save
    #[arg(long, help_heading = ADAPTER, value_name = "NAMES", value_delimiter = ',', requires = "adapted")]
    pub(crate) lora_whole: Option<Vec<String>>,
    /// With --lora, on this machine's processor: type of the frozen weights: auto, f32, f16, bf16, q8_0, q4_0 or
    /// q4_1. Weights of a quantised file keep their own type where it is smaller. auto is bf16 where products are in
    /// bf16, else f32 [default: auto]
    #[arg(long, help_heading = ADAPTER, value_name = "TYPE", requires = "adapted")]
    pub(crate) weights: Option<WeightsChoice>,
    /// Start from the moving average of the weights, where the run keeps one
    #[arg(long)]
    pub(crate) average: bool,
    /// Name of the run, the folder under --runs [default: the task's, numbered where taken]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Folder that holds the runs
    #[arg(long, default_value = "runs")]
    pub(crate) runs: PathBuf,
    /// Folder of the token cache, as for `minigpt train`
    #[arg(long, value_name = "FOLDER", env = "MINIGPT_CACHE", value_parser = folder_or_nothing())]
    pub(crate) cache: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) file: FileArgs,
    #[command(flatten)]
    pub(crate) recipe: RecipeArgs,
    #[command(flatten)]
    pub(crate) session: SessionArgs,
}

impl FinetuneArgs {
    /// What the model is tuned for: the recipe's, where that says it.
    pub(crate) fn task(&self) -> FinetuneTask {
        let of_recipe = self.recipe_name.map(Recipe::task);
        self.task.or(of_recipe).unwrap_or(FinetuneTask::Lm)
    }
}

/// The help of `--recipe`.
fn recipes() -> String {
    let one = |recipe: Recipe| format!("{} ({})", recipe.name(), recipe.what());
    format!(
        "Task and settings for a published model on a laptop: {}. `minigpt topics tuning` gives each value with its \
         reason; options given beside it outrank it",
        Recipe::ALL.map(one).join(", ")
    )
}

#[derive(Args, Debug)]
#[command(
    group = ArgGroup::new("classified").required(true).multiple(true).args(["texts", "data"]),
    after_help = "Examples:
  minigpt classify runs/reviews \"a gem of a film\" \"two hours of my life\"
  minigpt classify runs/reviews --data lines.txt --json"
)]
pub(crate) struct ClassifyArgs {
    /// A run folder of `minigpt finetune --task classify`
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,
    /// What to classify
    pub(crate) texts: Vec<String>,
    /// A file of texts, one a line
    #[arg(long, value_name = "FILE", conflicts_with = "texts", allow_hyphen_values = true)]
    pub(crate) data: Option<PathBuf>,
    /// Texts that go through the model together
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) batch_size: u32,
    #[arg(long, help = DEVICE_HELP, default_value = "auto")]
    pub(crate) device: DeviceChoice,
    /// Print a JSON object per text, with every label's probability
    #[arg(long)]
    pub(crate) json: bool,
}
