#![doc = include_str!("../README.md")]

mod files;
mod freeze;
mod generate;
mod lora;
mod matrix;
mod model;
mod ops;
mod packed;
mod trace;

pub use files::error::WeightsError;
pub use files::family::Family;
pub use files::pretrained::{CONFIG_FILE, PretrainedKind, SavedModel};
pub use files::special_ids::SpecialIds;
pub use files::weights::check_finite;
pub use generate::{
    AnyGpt, BatchGenerator, Beam, Constraints, Decoder, DraftCounts, Draw, GenerateError,
    Generator, GptRef, Policy, PromptError, Sampling, SamplingError, TokenFilter, beam_search,
    log_probability, most_probable,
};
pub use lora::{AdapterError, LoraConfig};
pub use matrix::frozen::FrozenType;
pub use matrix::weight_type::{UnknownWeightType, WeightType};
pub use minigpt_ops::{CacheType, Instructions};
pub use model::attention::CausalSelfAttention;
pub use model::block::Block;
pub use model::cache::KvCache;
pub use model::config::{
    BiasConfig, ConfigError, GptConfig, MlpKind, NormConfig, NormKind, Position, RotaryConfig,
    RotaryScaling,
};
pub use model::gpt::{Gpt, Head};
pub use model::mlp::Mlp;
pub use model::norm::Norm;
pub use model::parameters::{Parameter, ParameterCounts, Role};
pub use model::score::Scores;
pub use model::segments::Segments;
pub use ops::{IGNORE_INDEX, Kernels, Precision, SmoothedLoss, add_squares};
pub use packed::{Converted, PackedCache, PackedGpt, TextInput, TokenScore};
pub use trace::{Trace, TracedBlock};
