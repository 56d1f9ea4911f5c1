#![doc = include_str!("../README.md")]

mod adapter;
mod attention;
mod block;
mod cache;
mod config;
mod constraints;
mod decode;
mod generate;
mod gguf;
mod gpt;
mod hugging_face;
mod lora;
mod loss;
mod ops;
mod parameters;
mod peft;
mod pickle;
mod precision;
mod pretrained;
mod pytorch;
mod recompute;
mod safetensors;
mod sampling;
mod score;
mod weights;
mod zip;

pub use adapter::{ADAPTER_CONFIG_FILE, ADAPTER_FILE, AdapterError};
pub use attention::CausalSelfAttention;
pub use block::{Block, LayerNorm, Mlp};
pub use cache::KvCache;
pub use config::{ConfigError, GptConfig, ParameterCounts};
pub use constraints::Constraints;
pub use decode::{Decoder, PromptError};
pub use generate::{BatchGenerator, Beam, GenerateError, Generator, Policy, beam_search};
pub use gguf::GgufValue;
pub use gpt::Gpt;
pub use lora::{LoraConfig, LowRank};
pub use loss::{IGNORE_INDEX, SmoothedLoss};
pub use ops::{Chances, Kernels, add_squares};
pub use precision::Precision;
pub use pretrained::CONFIG_FILE;
pub use sampling::{Draw, Sampling, SamplingError, log_probability};
pub use score::Scores;
pub use weights::{WeightsError, check_finite};

#[cfg(test)]
mod generation_tests;
#[cfg(test)]
mod pretrained_tests;
#[cfg(test)]
mod tests;
