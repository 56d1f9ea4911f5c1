#![doc = include_str!("../README.md")]

mod block;
mod config;
mod generate;
mod gpt;
mod loss;
mod safetensors;
mod sampling;

pub use block::{Block, CausalSelfAttention, LayerNorm, Mlp};
pub use config::{ConfigError, GptConfig, ParameterCounts};
pub use generate::{Generator, PromptError};
pub use gpt::Gpt;
pub use loss::{IGNORE_INDEX, SmoothedLoss};
pub use safetensors::WeightsError;
pub use sampling::{Draw, Sampling, SamplingError};

#[cfg(test)]
mod tests;
