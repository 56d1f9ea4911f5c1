#![doc = include_str!("../README.md")]
//!
//! # Main types
//!
//! | for | see |
//! |---|---|
//! | what decides a run | [`RunConfig`], with [`DataConfig`], [`TrainingConfig`], [`OptimizerConfig`], [`ScheduleConfig`] |
//! | fine-tuning | [`FinetuneConfig`], [`FinetuneTask`], [`ExampleData`] |
//! | what it learns from | [`TokenData`], [`TokenSet`] |
//! | training | [`Trainer`], [`Devices`], [`TrainEvent`], [`Interrupter`] |
//! | what is left behind | [`RunFolder`], [`CheckpointFolder`], [`Summary`], [`Row`], [`Runs`] |
//! | continuing a complete run | [`Continuation`], [`More`] |
//! | what a run would cost | [`Plan`], [`Workload`], [`Budget`], [`Proposal`] |
//! | many runs | [`SweepFile`], [`Sweep`], [`SweepRecord`] |
//! | pictures and trackers | [`draw_curves`], [`MlflowStore`], [`write_wide_table`] |
//! | what can be wrong | [`TrainError`], [`SweepError`] |

mod config;
mod data;
mod engine;
mod error;
mod optim;
mod plan;
mod run;
mod sweep;

pub use burn::train::Interrupter;
pub use config::continued::{Origin, Restart};
pub use config::finetune::{FinetuneConfig, FinetuneTask};
pub use config::recipes::{Reason, Recipe};
pub use config::teacher::{TeacherConfig, TeacherModel};
pub use config::{
    DataConfig, Decay, OptimizerConfig, OptimizerKind, RunConfig, SampleConfig, ScheduleConfig,
    TrainingConfig,
};
pub use data::examples::{ExampleData, HeldOut, RepeatedExample};
pub use data::length::Length;
pub use data::pairs::PreferenceSet;
pub use data::token_set::TokenSet;
pub use data::tokens::TokenData;
pub use engine::continuation::{Continuation, More, Rates};
pub use engine::devices::{DEVICE_THREAD, Devices};
pub use engine::event::{Observer, TrainEvent};
pub use engine::trainer::Trainer;
pub use error::TrainError;
pub use minigpt_ops::is_pool_thread;
pub use plan::cost::{MemoryEstimate, Plan, TeacherCost};
pub use plan::device_check::{DeviceTrace, Difference};
pub use plan::measure::{TimedStep, time_steps, time_tokens, time_tuning};
pub use plan::proposal::{Budget, Proposal, TOKENS_PER_PARAMETER, USEFUL_PASSES, vocab_size_of};
pub use plan::workload::Workload;
pub use run::card::{CardWeights, RunCard, pretrained_card};
pub use run::checkpoint::{CheckpointFolder, CheckpointManifest, OnDamage};
pub use run::command::{command_line, shell_word};
pub use run::curves::{
    Axis, Band, Curve, CurveGroup, CurvePlot, Quantity, by_seed, draw_curves, plot_title,
};
pub use run::found::{FoundRun, Runs, is_part_of_run};
pub use run::memory::peak_memory;
pub use run::metrics::{read_metrics, read_metrics_after};
pub use run::mlflow::{MlflowRun, MlflowStore};
pub use run::overview::{Overview, newest_first};
pub use run::place::RunPlace;
pub use run::prune::{Prunable, PrunablePart};
pub use run::row::{Row, RowSplit};
pub use run::start::{Machine, Preset, SplitFigures, StartFigures};
pub use run::summary::{End, Summary, ValidationFigures};
pub use run::watch::{Best, Progress, RunState, Sample};
pub use run::wide_table::write_wide_table;
pub use run::{Environment, RunFolder, write_json};
pub use sweep::design::{Setting, Sweep, Trial};
pub use sweep::error::SweepError;
pub use sweep::file::{Halving, Keep, Method, SweepFile};
pub use sweep::halving::{Leg, Standing};
pub use sweep::picture::{draw_sweep, has_picture};
pub use sweep::results::{Outcome, Score, SweepRecord};
pub use sweep::work::work;
