#![doc = include_str!("../README.md")]

mod batches;
mod checkpoint;
mod config;
mod cost;
mod engine;
mod error;
mod evaluation;
mod metrics;
mod plot;
mod renderer;
mod run;
mod schedule;
mod summary;
mod train;
mod trainee;

pub use batches::{TokenBatch, train_loader, valid_loader};
pub use burn::train::Interrupter;
pub use checkpoint::{CheckpointFolder, Manifest};
pub use config::{
    DataConfig, OptimizerConfig, RunConfig, SampleConfig, ScheduleConfig, TrainingConfig,
};
pub use cost::MemoryEstimate;
pub use engine::{Observer, TrainEvent, plot_title, sample};
pub use error::TrainError;
pub use evaluation::Evaluation;
pub use metrics::{Row, Split, read_metrics};
pub use plot::{Curve, draw_loss_curves};
pub use run::{Environment, RunFolder};
pub use schedule::WarmupCosine;
pub use summary::{Figures, Summary};
pub use train::{Length, TokenData, resume, train};
pub use trainee::{StepLoss, Trainee};
