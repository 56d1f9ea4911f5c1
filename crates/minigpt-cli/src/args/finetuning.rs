//! What the commands that tune models, or classify with one, are told.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use minigpt_data::{ModelSource, Source};
use minigpt_train::FinetuneTask;

use super::{FileArgs, RecipeArgs, SessionArgs, WeightsChoice, folder_or_nothing, one_of};
use crate::device::{DEVICE_HELP, DeviceChoice};

#[derive(Args, Debug)]
#[command(
    args_override_self = true,
    after_help = "Examples:
  minigpt finetune runs/austen --task lm --data letters.txt
  minigpt finetune runs/wiki --task instruct --data instructions.json --name tuned
  minigpt finetune hf:openai-community/gpt2 --task summarize --data news.jsonl --skip-long
  minigpt finetune SmolLM2-135M-Instruct.Q8_0.gguf --task instruct --data chats.jsonl --lora 8
  minigpt finetune SmolLM2-135M-Instruct.Q4_1.gguf --task lm --data letters.txt --lora 8 --precision auto
  minigpt finetune runs/wiki --task classify --data reviews.csv --valid more-reviews.csv
  minigpt finetune runs/wiki --task classify --data exported.csv --separator \";\" --lossy
  minigpt finetune runs/wiki --task instruct --data instructions.json --lora 8 --name adapted
  minigpt generate runs/wiki --adapter runs/adapted/adapter --prompt \"It was\"
  minigpt train --resume runs/tuned              go on where it stopped

Examples are JSON lines, a JSON list, or with .csv and .tsv a table with names in its first line:
  instruct   instruction, input (may be missing), output; or messages, a list of role and content
  summarize  document, summary
  classify   text, label
Instructions and conversations are put by the model's own chat template, where it has one.
The last tenth is held out, or --valid names the file. Answers are learnt, prompts are not; ask,
generate and repl put a tuned model's prompts as it learnt them. A run ends when two passes bring
nothing better on what is held out (training.patience).

Exit codes: as those of `minigpt train`."
)]
pub(crate) struct FinetuneArgs {
    /// What is tuned: a run folder, a model's folder in Hugging Face's layout, its GGUF file or nanoGPT's .pt, or
    /// hf:OWNER/MODEL[/FILE.gguf]
    #[arg(value_name = "MODEL")]
    pub(crate) base: ModelSource,
    #[arg(long, help = one_of("What for", &FinetuneTask::ALL.map(FinetuneTask::name)))]
    pub(crate) task: FinetuneTask,
    /// Examples of the task; for lm a text, as `minigpt train --data` takes it
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) data: Source,
    /// Held-out examples or text [default: its own, or its last tenth]
    #[arg(long, value_name = "SOURCE", allow_hyphen_values = true)]
    pub(crate) valid: Option<Source>,
    #[command(flatten)]
    pub(crate) file: FileArgs,
    /// Leave examples out that are longer than the context instead of refusing the file
    #[arg(long)]
    pub(crate) skip_long: bool,
    /// Start from fresh weights of the model's shape: what its training is worth
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Leave the model's weights as they are and train an adapter of this rank beside its matrices,
    /// which lies in the run's folder `adapter` afterwards
    #[arg(long, value_name = "RANK", conflicts_with = "fresh")]
    pub(crate) lora: Option<usize>,
    /// What the adapter adds is multiplied by this over the rank [default: twice the rank]
    #[arg(long, value_name = "ALPHA", requires = "lora")]
    pub(crate) lora_alpha: Option<f64>,
    /// Divide by the root of the rank instead: rsLoRA, for ranks above 16 or so
    #[arg(long, requires = "lora")]
    pub(crate) lora_rank_stabilized: bool,
    /// Probability that an input of the adapter is dropped while training [default: 0]
    #[arg(long, value_name = "RATE", requires = "lora")]
    pub(crate) lora_dropout: Option<f64>,
    /// Matrices with an adapter, as c_attn,mlp.c_proj, or by a Llama's names q_proj,v_proj, and wte for the
    /// vectors of the tokens; all-linear for all but these [default: all-linear]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', requires = "lora")]
    pub(crate) lora_targets: Option<Vec<String>>,
    /// With --lora, on this machine's processor: what the frozen weights are kept as, auto, f32, f16, bf16, q8_0, q4_0
    /// or q4_1; a quantised file's stay as they are where that is less. auto: bf16 where products are in bf16, else f32
    /// [default: auto]
    #[arg(long, value_name = "TYPE", requires = "lora")]
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
    #[command(flatten)]
    pub(crate) recipe: RecipeArgs,
    /// Folder that keeps tokens, as for `minigpt train`
    #[arg(long, value_name = "FOLDER", env = "MINIGPT_CACHE", value_parser = folder_or_nothing())]
    pub(crate) cache: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) session: SessionArgs,
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
