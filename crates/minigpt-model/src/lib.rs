#![doc = include_str!("../README.md")]

mod attention;
mod block;
mod cache;
mod config;
mod constraints;
mod decode;
mod generate;
mod gpt;
mod loss;
mod safetensors;
mod sampling;
mod score;

pub use attention::CausalSelfAttention;
pub use block::{Block, LayerNorm, Mlp};
pub use cache::KvCache;
pub use config::{ConfigError, GptConfig, ParameterCounts};
pub use constraints::Constraints;
pub use decode::{Decoder, PromptError};
pub use generate::{BatchGenerator, Beam, GenerateError, Generator, Policy, beam_search};
pub use gpt::Gpt;
pub use loss::{IGNORE_INDEX, SmoothedLoss};
pub use safetensors::WeightsError;
pub use sampling::{Draw, Sampling, SamplingError, log_probability};
pub use score::Scores;

#[cfg(test)]
mod generation_tests;
#[cfg(test)]
mod tests;
