//! What the commands that write with a trained model, or look into it, are told.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand};
use minigpt_data::ModelSource;
use minigpt_model::{CacheType, UnknownWeightType, WeightType};

use super::folder_or_nothing;
use crate::args::escapes::unescaped;
use crate::device::{DEVICE_HELP, DeviceChoice};

/// Which weights, where.
#[derive(Args, Debug)]
#[command(next_help_heading = "Model and device")]
pub(crate) struct ModelArgs {
    /// Use the moving average of the weights, where the run keeps one (training.ema_decay)
    #[arg(long)]
    pub(crate) average: bool,
    /// A LoRA adapter of the model, in PEFT's layout
    #[arg(long, value_name = "FOLDER")]
    pub(crate) adapter: Option<PathBuf>,
    #[arg(long, help = DEVICE_HELP, default_value = "auto")]
    pub(crate) device: DeviceChoice,
}

/// Which weights, where, and as what numbers, for a model that writes or is measured.
#[derive(Args, Debug)]
#[command(next_help_heading = "Model and device")]
pub(crate) struct WeightsArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Type of the weights on a processor: auto (the stored type; q8_0 for other GGUF types, such as Q4_K or
    /// Q6_K), f32, f16, bf16, q8_0, q4_0 or q4_1
    #[arg(long, value_name = "TYPE", default_value = "auto")]
    pub(crate) weights: WeightsChoice,
    /// Type of the key-value cache on a processor: f32, or f16 or bf16 with half the memory
    #[arg(long, value_name = "TYPE", default_value_t, value_parser = cache_type)]
    pub(crate) cache_type: CacheType,
}

/// A cache type by its name.
pub(crate) fn cache_type(name: &str) -> Result<CacheType, String> {
    let found = CacheType::ALL.into_iter().find(|known| known.name().eq_ignore_ascii_case(name));
    found.ok_or_else(|| "expected f32, f16 or bf16".to_owned())
}

/// A type of weights, or the one that they are stored as.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct WeightsChoice(pub(crate) Option<WeightType>);

impl fmt::Display for WeightsChoice {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => out.write_str("auto"),
            Some(weight_type) => weight_type.fmt(out),
        }
    }
}

impl FromStr for WeightsChoice {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if name.eq_ignore_ascii_case("auto") {
            return Ok(Self(None));
        }
        name.parse().map(|chosen| Self(Some(chosen))).map_err(|UnknownWeightType { name }| {
            format!(
                "unknown weight type `{name}`: expected auto, f32, f16, bf16, q8_0, q4_0 or q4_1"
            )
        })
    }
}

/// How tokens are chosen; the options take effect in this order. What a model's own configuration says of them
/// is the default where it says something.
#[derive(Args, Debug)]
#[command(next_help_heading = "Sampling, in this order")]
pub(crate) struct SamplingArgs {
    /// Allow only these token ids, as 12,40,7 (--logprobs --json shows ids)
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    pub(crate) allow: Option<Vec<u32>>,
    /// Forbid these token ids
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    pub(crate) ban: Vec<u32>,
    /// Never repeat a sequence of N tokens; 0 allows it [default: the model's, or 0]
    #[arg(long, value_name = "N")]
    pub(crate) no_repeat_ngram: Option<usize>,
    /// Make tokens that already occurred less probable, with a FACTOR above 1
    /// [default: the model's, or 1]
    #[arg(long, value_name = "FACTOR", allow_negative_numbers = true)]
    pub(crate) repetition_penalty: Option<f64>,
    /// Subtract this from the logits of tokens that already occurred
    #[arg(long, value_name = "NATS", default_value_t = 0.0, allow_negative_numbers = true)]
    pub(crate) presence_penalty: f64,
    /// Subtract this from a token's logit each time that it occurred
    #[arg(long, value_name = "NATS", default_value_t = 0.0, allow_negative_numbers = true)]
    pub(crate) frequency_penalty: f64,
    /// Always take the most probable token
    #[arg(long)]
    pub(crate) greedy: bool,
    /// Divide the logits by this: below 1 makes texts more predictable, above 1 more varied; 0 takes the most probable
    /// token [default: the model's, or 1]
    #[arg(long, conflicts_with = "greedy", allow_negative_numbers = true)]
    pub(crate) temperature: Option<f64>,
    /// Keep only the K most probable tokens; 0 keeps all [default: the model's, or 50]
    #[arg(long, value_name = "K", conflicts_with = "greedy")]
    pub(crate) top_k: Option<usize>,
    /// Keep only the most probable tokens whose probabilities add up to P [default: the model's, or 0.95]
    #[arg(long, value_name = "P", conflicts_with = "greedy", allow_negative_numbers = true)]
    pub(crate) top_p: Option<f64>,
    /// Drop tokens less probable than P times the most probable token [default: the model's, or none]
    #[arg(long, value_name = "P", conflicts_with = "greedy", allow_negative_numbers = true)]
    pub(crate) min_p: Option<f64>,
    /// Random seed: the same seed gives the same text
    #[arg(long, default_value_t = 42)]
    pub(crate) seed: u64,
}

/// How texts are written.
#[derive(Args, Debug)]
pub(crate) struct WriteArgs {
    /// End the text before this string, in which \n, \t, \r and \\ are escapes; may be given several times
    #[arg(long, value_name = "TEXT", value_parser = unescaped, allow_hyphen_values = true)]
    pub(crate) stop: Vec<String>,
    /// Write only JSON that is valid by this JSON schema, given as text or as a file. The model does not see the schema:
    /// say in the prompt what the JSON should contain
    #[arg(long, value_name = "SCHEMA", conflicts_with = "beams")]
    pub(crate) json_schema: Option<String>,
    /// Prompt lookup decoding: draft tokens from earlier text and check them in one pass. The text stays the same;
    /// answers that quote their prompt are written faster. For one text at a time, on the processor
    #[arg(long, conflicts_with = "beams")]
    pub(crate) lookup: bool,
    /// Write N texts at once, each with its own seed
    #[arg(short, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) n: u32,
    /// Search for the most probable text with N beams, instead of sampling one
    #[arg(long, value_name = "N", conflicts_with_all = ["n", "logprobs", "greedy", "temperature", "top_k", "top_p", "min_p", "seed"], value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) beams: Option<u32>,
    /// Show how probable each token was: in colours on a terminal, else a line per token
    #[arg(long, conflicts_with = "n")]
    pub(crate) logprobs: bool,
    /// Print a JSON object per text instead of the text
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) model: WeightsArgs,
    #[command(flatten)]
    pub(crate) sampling: SamplingArgs,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  minigpt generate runs/austen --prompt \"It was\"
  minigpt generate runs/austen --prompt \"It was\" --greedy --logprobs
  minigpt generate runs/austen --prompt \"It was\" -n 4 --temperature 0.8 --stop \".\"
  minigpt generate runs/austen --prompts prompts.txt --json
  minigpt generate runs/austen --prompt \"It was\" --beams 4
  minigpt generate hf:openai-community/gpt2 --prompt \"It was\"
  minigpt generate SmolLM2-135M-Instruct.Q8_0.gguf --chat --prompt \"Why is the sky blue?\"
  minigpt generate SmolLM2.gguf --chat --prompt \"Invent a person.\" --json-schema person.json")]
pub(crate) struct GenerateArgs {
    /// A run folder, a model's folder in Hugging Face's layout, its GGUF file or nanoGPT's .pt, or
    /// hf:OWNER/MODEL[/FILE.gguf]
    pub(crate) model: ModelSource,
    /// Text to continue; "" starts a new text
    #[arg(long, required_unless_present = "prompts", allow_hyphen_values = true)]
    pub(crate) prompt: Option<String>,
    /// A file of prompts, one on each line, that are continued together
    #[arg(long, value_name = "FILE", conflicts_with_all = ["prompt", "logprobs", "beams"])]
    pub(crate) prompts: Option<PathBuf>,
    /// Continue prompts as they are, without the template that the model was tuned with
    #[arg(long)]
    pub(crate) raw: bool,
    /// Put each prompt into the model's chat template, as a user's message; the default for a run that was fine-tuned
    /// to answer
    #[arg(long, conflicts_with = "raw")]
    pub(crate) chat: bool,
    /// Most tokens to write; the model's end-of-text token, such as <|endoftext|>, ends the text earlier
    #[arg(long, default_value_t = 100)]
    pub(crate) max_tokens: usize,
    #[command(flatten)]
    pub(crate) write: WriteArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ApplicationArgs {
    /// The text for complete, the theme for story, the question for ask [default: the first example's]
    pub(crate) text: Option<String>,
    /// A run folder, a model's folder in Hugging Face's layout, its GGUF file or nanoGPT's .pt, or
    /// hf:OWNER/MODEL[/FILE.gguf]
    /// [default: the newest run in runs/]
    #[arg(long, value_name = "MODEL")]
    pub(crate) run: Option<ModelSource>,
    /// Most tokens to write [default: 50 for complete, 200 for story, 100 for ask; 256 if the model has a chat
    /// template]
    #[arg(long)]
    pub(crate) max_tokens: Option<usize>,
    #[command(flatten)]
    pub(crate) write: WriteArgs,
}

#[derive(Args, Debug)]
#[command(
    after_help = "Each line is a turn, and the model answers it. /reset forgets the conversation; /quit or
Ctrl-D ends the program. On a terminal, lines can be edited, the arrow keys recall earlier lines,
and Ctrl-C ends the model's turn.

Examples:
  minigpt chat runs/austen
  minigpt chat SmolLM2-135M-Instruct.Q8_0.gguf
  minigpt chat --qa --max-tokens 40 --temperature 0.8"
)]
pub(crate) struct ReplArgs {
    /// A run folder, a model's folder in Hugging Face's layout, its GGUF file or nanoGPT's .pt, or
    /// hf:OWNER/MODEL[/FILE.gguf]
    /// [default: the newest run in runs/]
    #[arg(value_name = "MODEL")]
    pub(crate) source: Option<ModelSource>,
    /// Earlier name of MODEL, kept for scripts.
    #[arg(long, value_name = "MODEL", hide = true, conflicts_with = "source")]
    pub(crate) run: Option<ModelSource>,
    /// Format each line as a question, `Q: … A:`, if the model has no chat template
    #[arg(long)]
    pub(crate) qa: bool,
    /// Most tokens to write in a turn [default: 60, or 512 if the model has a chat template]
    #[arg(long)]
    pub(crate) max_tokens: Option<usize>,
    /// Prompt lookup decoding: draft tokens from earlier text and check them in one pass. The text stays the same;
    /// answers that quote their prompt are written faster. For one text at a time, on the processor
    #[arg(long)]
    pub(crate) lookup: bool,
    /// End a turn before this string, in which \n, \t, \r and \\ are escapes; may be given several times
    #[arg(long, value_name = "TEXT", value_parser = unescaped, allow_hyphen_values = true)]
    pub(crate) stop: Vec<String>,
    #[command(flatten)]
    pub(crate) model: WeightsArgs,
    #[command(flatten)]
    pub(crate) sampling: SamplingArgs,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  minigpt attention runs/austen \"The scientist discovered\" --tokens 5
  minigpt attention runs/austen \"She was not\" --layer 1 --head 3")]
pub(crate) struct AttentionArgs {
    /// A run folder, a model's folder in Hugging Face's layout, its GGUF file or nanoGPT's .pt, or
    /// hf:OWNER/MODEL[/FILE.gguf]
    #[arg(value_name = "MODEL")]
    pub(crate) source: ModelSource,
    /// Text that the model reads
    #[arg(default_value = "The scientist discovered")]
    pub(crate) prompt: String,
    /// Tokens that the model then writes, greedily; each token gets a picture
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) tokens: u32,
    /// Draw heads of this layer only, counted from 0
    #[arg(long)]
    pub(crate) layer: Option<usize>,
    /// Draw this head only, counted from 0, in a large picture
    #[arg(long, requires = "layer")]
    pub(crate) head: Option<usize>,
    /// Folder for the pictures and the page [default: attention in the run folder, or
    /// here for other models]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
    /// Windows of held-out text on which the heads' habits are measured: the run's own text, or the embedded novel for other
    /// models; 0 leaves habits out
    #[arg(long, default_value_t = 32)]
    pub(crate) windows: usize,
    /// Folder of the token cache, as for `minigpt train`
    #[arg(long, value_name = "FOLDER", env = "MINIGPT_CACHE", value_parser = folder_or_nothing())]
    pub(crate) cache: Option<PathBuf>,
    /// Print as JSON the habits of all heads, the attention weights of the drawn heads, and the files' names
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) model: WeightsArgs,
}

#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  minigpt models                                       list the cached models
  minigpt models fetch hf:HuggingFaceTB/SmolLM2-135M-Instruct
  minigpt models fetch hf:owner/model-GGUF/model-Q8_0.gguf
  minigpt models remove hf:openai-community/gpt2

Hugging Face's own programs share the cache: the folder HF_HUB_CACHE, or hub in HF_HOME, or
~/.cache/huggingface/hub."
)]
pub(crate) struct ModelsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<ModelsCommand>,
    /// Print a JSON array
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Subcommand, Debug)]
pub(crate) enum ModelsCommand {
    /// Download a model for use without a network, and print its path
    Fetch {
        /// hf:OWNER/MODEL, or hf:OWNER/MODEL/FILE.gguf
        #[arg(value_name = "MODEL")]
        model: ModelSource,
    },
    /// Remove models from the cache, with all their revisions
    Remove {
        /// hf:OWNER/MODEL for all cached files of a repository, or hf:OWNER/MODEL/FILE.gguf
        #[arg(value_name = "MODEL", required = true)]
        models: Vec<ModelSource>,
    },
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  minigpt export runs/austen --out austen-qwen3
  minigpt export runs/austen --gguf austen.gguf
  minigpt export runs/austen --gguf austen.gguf --dtype q8_0  then ollama create austen -f Modelfile
  minigpt export runs/austen --adapter runs/letters/adapter --out merged
  minigpt export hf:openai-community/gpt2 --gguf gpt2.gguf")]
pub(crate) struct ExportArgs {
    /// A run folder, a model's folder in Hugging Face's layout, its GGUF file or nanoGPT's .pt, or
    /// hf:OWNER/MODEL[/FILE.gguf]
    #[arg(value_name = "MODEL")]
    pub(crate) source: ModelSource,
    /// New folder for transformers, with a model card
    #[arg(long, value_name = "FOLDER", required_unless_present = "gguf")]
    pub(crate) out: Option<PathBuf>,
    /// File for llama.cpp, and a Modelfile for Ollama beside it
    #[arg(long, value_name = "FILE")]
    pub(crate) gguf: Option<PathBuf>,
    /// Type of the written weights: f32, f16 or bf16; with only --gguf also q8_0, q4_0 or q4_1
    #[arg(long, value_name = "TYPE", default_value_t)]
    pub(crate) dtype: WeightType,
    /// Licence of the weights for the card, as the hub calls it: mit, cc-by-sa-4.0, …
    #[arg(long, value_name = "NAME", requires = "out")]
    pub(crate) license: Option<String>,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
}
