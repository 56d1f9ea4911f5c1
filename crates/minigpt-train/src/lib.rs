#![doc = include_str!("../README.md")]

mod config;
mod data;
mod engine;
mod error;
mod optim;
mod plan;
mod run;

pub use burn::train::Interrupter;
pub use config::finetune::{FinetuneConfig, FinetuneTask};
pub use config::{
    DataConfig, Decay, OptimizerConfig, OptimizerKind, RunConfig, SampleConfig, ScheduleConfig,
    TrainingConfig,
};
pub use data::examples::{ExampleData, HeldOut};
pub use data::length::Length;
pub use data::token_set::TokenSet;
pub use data::tokens::TokenData;
pub use engine::devices::{DEVICE_THREAD, Devices};
pub use engine::event::{Observer, TrainEvent};
pub use engine::trainer::Trainer;
pub use error::TrainError;
pub use plan::cost::{MemoryEstimate, Plan};
pub use plan::device_check::{DeviceTrace, Difference};
pub use plan::measure::{time_steps, time_tokens};
pub use plan::proposal::{Budget, Proposal, TOKENS_PER_PARAMETER, USEFUL_PASSES};
pub use plan::workload::Workload;
pub use run::card::{CardWeights, RunCard, pretrained_card};
pub use run::checkpoint::{CheckpointFolder, CheckpointManifest, OnDamage};
pub use run::curves::{Axis, Curve, Quantity, draw_curves, plot_title};
pub use run::memory::peak_memory;
pub use run::metrics::{read_metrics, read_metrics_after};
pub use run::place::RunPlace;
pub use run::row::{Row, RowSplit};
pub use run::start::{Machine, Preset, SplitFigures, StartFigures};
pub use run::summary::{End, Summary, ValidationFigures};
pub use run::watch::{Progress, RunState, Sample};
pub use run::{Environment, RunFolder, write_json};
