#![doc = include_str!("../README.md")]

mod adamw;
mod application;
mod attention;
mod attention_page;
mod average;
mod batches;
mod bootstrap;
mod card;
mod checkpoint;
mod classifier;
mod comparison;
mod config;
mod confusion;
mod cost;
mod dashboard;
mod device_check;
mod devices;
mod engine;
mod error;
mod evaluate;
#[cfg(test)]
mod evaluate_tests;
mod evaluation;
mod export;
mod finetune;
mod grounding;
mod likelihood;
mod loss_scale;
mod measure;
mod metrics;
mod optimizer;
mod overrides;
#[cfg(test)]
mod parity;
mod plot;
mod presets;
mod pretrained;
mod progress;
mod proposal;
mod protocol;
mod renderer;
mod report;
mod rouge;
mod run;
mod schedule;
mod summary;
mod tasks;
mod tensorboard;
mod text;
mod token_losses;
mod token_set;
mod train;
mod trainee;
mod tuned;

pub use application::Application;
pub use attention::{
    AttentionMap, AttentionStep, Habit, HeadHabits, head_habits, record_attention,
};
pub use attention_page::write_attention_page;
pub use batches::{TokenBatch, train_loader, train_row_loader, valid_loader, valid_row_loader};
pub use bootstrap::{Bootstrap, Measured, Unit};
pub use burn::train::Interrupter;
pub use card::{CardWeights, RunCard, pretrained_card};
pub use checkpoint::{CheckpointFolder, Manifest, OnDamage};
pub use classifier::{Classifier, Verdict};
pub use comparison::{ComparedModel, Metric, QUOTED, Quoted, Training};
pub use config::{
    DataConfig, Decay, OptimizerConfig, OptimizerKind, RunConfig, SampleConfig, ScheduleConfig,
    TrainingConfig,
};
pub use confusion::Confusion;
pub use cost::{MemoryEstimate, Plan};
pub use dashboard::Dashboard;
pub use device_check::{DeviceTrace, Difference};
pub use devices::{DEVICE_THREAD, Devices};
pub use engine::{Observer, TrainEvent};
pub use error::TrainError;
pub use evaluate::{ContextLoss, EvalConfig, EvalReport, FrequencyLoss, evaluate};
pub use evaluation::Evaluation;
pub use export::Export;
pub use finetune::{ExampleData, FinetuneConfig, FinetuneTask, HeldOut};
pub use grounding::{
    AnswerLikelihood, GroundedAnswer, GroundedQuestion, GroundingReport, grounded_prompt, grounding,
};
pub use likelihood::{Accuracy, Answer, TaskReport, TaskScores, answer};
pub use loss_scale::LossScale;
pub use measure::{time_steps, time_tokens};
pub use metrics::{Row, Split, read_metrics};
pub use plot::{
    Axis, Curve, Quantity, draw_attention, draw_comparison, draw_confusion, draw_curves,
    draw_losses,
};
pub use pretrained::Pretrained;
pub use proposal::{Budget, Ground, Proposal, TOKENS_PER_PARAMETER, USEFUL_PASSES};
pub use protocol::Protocol;
pub use report::{plot_title, sample};
pub use rouge::rouge_l;
pub use run::{Environment, RunFolder, RunLock, write_json};
pub use schedule::Schedule;
pub use summary::{End, Figures, Summary};
pub use tasks::{Cloze, MultipleChoice, Questions, Task};
pub use text::{Text, TextEnd, TextGenerator, TextOptions, TextToken, prompt_tokens, write_texts};
pub use token_set::TokenSet;
pub use train::{Length, TokenData, finetune, resume, train};
pub use trainee::{ClassHead, StepLoss, Trainee};
pub use tuned::{WrittenAnswer, confusion, rouge_l_of_answers, write_answers};
