//! What `minigpt bench` is told.

use std::path::PathBuf;

use clap::Args;
use minigpt_model::{CacheType, GptConfig};

use super::generation::cache_type;
use super::{WeightsChoice, one_of};
use crate::device::precision::PrecisionChoice;
use crate::device::{DEVICE_HELP, DeviceChoice};

/// Groups of the help.
const WRITING: &str = "Generation";
const TUNING: &str = "Fine-tuning";

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  minigpt bench                                  the tutorial's model, 50257 ids
  minigpt bench --vocab 4096 --context 256 --batch 8
  minigpt bench --model mini-llama --vocab 4096  the same size in Llama's shape
  minigpt bench --peak                           what the processor can do at most
  minigpt bench --model smollm2-135m --decode    tokens a second, one text
  minigpt bench --decode --model model.gguf      a file: its prompt, one text, several texts
  minigpt bench --decode --model model.gguf --peer python     compare with llama.cpp
  minigpt bench --decode --model model.gguf --lengths 128,512,1024,2048 --out speed.png")]
pub(crate) struct BenchArgs {
    #[arg(long, help = one_of("Model to time, also a file, a folder or a run with --decode or --tune; published models bring their vocabulary. Presets", &GptConfig::PRESETS), conflicts_with_all = ["layers", "heads", "width"])]
    pub(crate) model: Option<String>,
    /// Vocabulary size [default: 50257, or the model's]
    #[arg(long)]
    pub(crate) vocab: Option<usize>,
    /// Context length in tokens [default: 128]
    #[arg(long)]
    pub(crate) context: Option<usize>,
    /// Number of transformer blocks
    #[arg(long, default_value_t = 4)]
    pub(crate) layers: usize,
    /// Attention heads per block
    #[arg(long, default_value_t = 8)]
    pub(crate) heads: usize,
    /// Width of the residual stream
    #[arg(long, default_value_t = 256)]
    pub(crate) width: usize,
    /// Windows per training step [default: 16]
    #[arg(long)]
    pub(crate) batch: Option<usize>,
    /// Probability that a value is dropped while training [default: 0.1]
    #[arg(long)]
    pub(crate) dropout: Option<f64>,
    /// Recompute each block's activations in the backward pass, to save memory
    #[arg(long, conflicts_with = "decode")]
    pub(crate) gradient_checkpointing: bool,
    /// Optimise the matrices inside the blocks with Muon instead of AdamW
    #[arg(long, conflicts_with = "decode")]
    pub(crate) muon: bool,
    /// Number format of matrix products: f32, bf16, f16, or auto (16 bits where the device has them)
    /// [default: f32]
    #[arg(long)]
    pub(crate) precision: Option<PrecisionChoice>,
    /// Steps to time, after two untimed steps [default: 6]
    #[arg(long)]
    pub(crate) steps: Option<usize>,
    /// Measure the processor's peak instead: multiply-adds of registers on all threads, in f32 and, where it has
    /// `vdpbf16ps`, in bf16
    #[arg(long, conflicts_with_all = ["model", "vocab", "context", "layers", "heads", "width", "batch", "dropout", "gradient_checkpointing", "muon", "precision", "steps", "tune", "decode", "weights", "device"])]
    pub(crate) peak: bool,
    /// Time the fine-tuning of a model file: of all its weights or, with --lora, of an adapter
    /// [default of --batch: 4, of --context: 256]
    #[arg(long, help_heading = TUNING, conflicts_with_all = ["decode", "muon", "vocab", "dropout"], requires = "model")]
    pub(crate) tune: bool,
    /// With --tune: rank of the adapter
    #[arg(long, help_heading = TUNING, value_name = "RANK", requires = "tune")]
    pub(crate) lora: Option<usize>,
    /// With --lora: matrices that get an adapter, as for `minigpt finetune` [default: all-linear]
    #[arg(long, help_heading = TUNING, value_name = "NAMES", value_delimiter = ',', requires = "lora")]
    pub(crate) lora_targets: Option<Vec<String>>,
    /// Time generation instead of training steps: as many tokens as the context holds
    #[arg(long, help_heading = WRITING)]
    pub(crate) decode: bool,
    /// With a model file: prompt length in tokens [default: 512, or what the context holds]
    #[arg(long, help_heading = WRITING, value_name = "N", requires = "decode", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) prompt: Option<u32>,
    /// With a model file: tokens to write of each text [default: 64, or what the context holds]
    #[arg(long, help_heading = WRITING, value_name = "N", requires = "decode", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) tokens: Option<u32>,
    /// With a model file: texts that are written at once [default: 8]
    #[arg(long, help_heading = WRITING, value_name = "N", requires = "decode", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) texts: Option<u32>,
    /// With a model file: type of the weights, as for `minigpt generate`; with --lora: type of the frozen weights,
    /// as for `minigpt finetune` [default: auto]
    #[arg(long, help_heading = WRITING, value_name = "TYPE")]
    pub(crate) weights: Option<WeightsChoice>,
    /// With a model file: type of the key-value cache, as for `minigpt generate` [default: f32]
    #[arg(long, help_heading = WRITING, value_name = "TYPE", requires = "decode", value_parser = cache_type)]
    pub(crate) cache_type: Option<CacheType>,
    /// With a model file: time only how fast one text grows at these lengths in tokens, such as 128,512,2048; at each
    /// length, --tokens tokens are timed [default: 16]
    #[arg(long, help_heading = WRITING, value_name = "TOKENS", value_delimiter = ',', requires = "decode", conflicts_with_all = ["prompt", "texts"], value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) lengths: Vec<u32>,
    /// With --lengths: file for a picture of the speeds, a .png or .svg
    #[arg(long, help_heading = WRITING, value_name = "FILE", requires = "lengths")]
    pub(crate) out: Option<PathBuf>,
    /// With a GGUF file: path of a Python that has xllamacpp, to time llama.cpp with the same file
    #[arg(long, help_heading = WRITING, value_name = "PYTHON", requires = "decode")]
    pub(crate) peer: Option<PathBuf>,
    #[arg(long, help = DEVICE_HELP, default_value = "cpu")]
    pub(crate) device: DeviceChoice,
    /// Print a JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
