#![doc = include_str!("../README.md")]

mod files;
mod generate;
mod lora;
mod model;
mod ops;

pub use files::GgufValue;
pub use files::pretrained::CONFIG_FILE;
pub use files::weights::{WeightsError, check_finite};
pub use generate::{
    BatchGenerator, Beam, Constraints, Decoder, Draw, GenerateError, Generator, Policy,
    PromptError, Sampling, SamplingError, beam_search, log_probability,
};
pub use lora::adapter::{ADAPTER_CONFIG_FILE, ADAPTER_FILE, AdapterError};
pub use lora::{LoraConfig, LowRank};
pub use model::attention::CausalSelfAttention;
pub use model::block::{Block, LayerNorm, Mlp};
pub use model::cache::KvCache;
pub use model::config::{ConfigError, GptConfig, ParameterCounts};
pub use model::gpt::Gpt;
pub use model::loss::{IGNORE_INDEX, SmoothedLoss};
pub use model::score::Scores;
pub use ops::{Chances, Kernels, Precision, add_squares};
