#![doc = include_str!("../README.md")]

mod adamw;
mod application;
mod attention;
mod attention_page;
mod average;
mod batches;
mod checkpoint;
mod config;
mod cost;
mod dashboard;
mod engine;
mod error;
mod evaluation;
mod measure;
mod metrics;
mod optimizer;
mod overrides;
#[cfg(test)]
mod parity;
mod plot;
mod presets;
mod progress;
mod renderer;
mod report;
mod run;
mod schedule;
mod summary;
mod tensorboard;
mod text;
mod train;
mod trainee;

pub use application::Application;
pub use attention::{
    AttentionMap, AttentionStep, Habit, HeadHabits, head_habits, record_attention,
};
pub use attention_page::write_attention_page;
pub use batches::{TokenBatch, train_loader, valid_loader};
pub use burn::train::Interrupter;
pub use checkpoint::{CheckpointFolder, Manifest, OnDamage};
pub use config::{
    DataConfig, Decay, OptimizerConfig, OptimizerKind, RunConfig, SampleConfig, ScheduleConfig,
    TrainingConfig,
};
pub use cost::{MemoryEstimate, Plan};
pub use dashboard::Dashboard;
pub use engine::{Observer, TrainEvent};
pub use error::TrainError;
pub use evaluation::Evaluation;
pub use measure::{time_steps, time_tokens};
pub use metrics::{Row, Split, read_metrics};
pub use plot::{Axis, Curve, Quantity, draw_attention, draw_curves};
pub use report::{plot_title, sample};
pub use run::{Environment, RunFolder};
pub use schedule::Schedule;
pub use summary::{End, Figures, Summary};
pub use text::{Text, TextEnd, TextGenerator, TextOptions, TextToken, write_texts};
pub use train::{Length, TokenData, resume, train};
pub use trainee::{StepLoss, Trainee};
