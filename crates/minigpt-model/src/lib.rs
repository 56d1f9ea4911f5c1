#![doc = include_str!("../README.md")]
//!
//! # Main types
//!
//! | for | see |
//! |---|---|
//! | a model's shape | [`GptConfig`] |
//! | a model with tensors, on any device, to train or to run | [`Gpt`], [`Block`], [`CausalSelfAttention`], [`Mlp`], [`Norm`] |
//! | a model with quantised weights, on a processor | [`PackedGpt`], [`WeightType`] |
//! | generating | [`Generator`], [`BatchGenerator`], [`beam_search`], [`Sampling`], [`KvCache`] |
//! | looking inside | [`Trace`], [`Scores`] |
//! | weights in other programs' files | [`SavedModel`], [`Family`] |
//! | adapters | [`LoraConfig`] |
//! | number formats and kernels | [`Precision`], [`Kernels`], [`Instructions`] |
//! | what can be wrong | [`ConfigError`], [`WeightsError`], [`GenerateError`], [`AdapterError`] |

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
pub use ops::{
    DropoutKey, IGNORE_INDEX, Kernels, Lesson, Precision, SmoothedLoss, add_squares,
    release_free_memory,
};
pub use packed::{Converted, PackedCache, PackedGpt, TextInput, TokenScore};
pub use trace::{Trace, TracedBlock};
