#![doc = include_str!("../README.md")]
//!
//! # Main types
//!
//! | for | see |
//! |---|---|
//! | perplexity of a text | [`evaluate()`], [`EvalConfig`], [`Protocol`], [`EvalReport`], [`Recited`] |
//! | intervals | [`Bootstrap`], [`Measured`] |
//! | questions | [`Task`], [`answer`], [`TaskReport`], [`NamedTask`] |
//! | passages | [`grounding()`], [`GroundingReport`] |
//! | fine-tuned models | [`write_answers`], [`rouge_l`], [`Confusion`] |
//! | tables and files | [`ComparedModel`], [`QUOTED`], [`SavedEvaluation`] |
//! | what can be wrong | [`EvalError`] |

mod answers;
mod bootstrap;
mod comparison;
mod confusion;
mod dynamic;
mod error;
mod evaluate;
mod evaluation;
mod finetuned;
mod grounding;
mod named_tasks;
mod neural_cache;
mod protocol;
mod reader;
mod recited;
mod rouge;
mod saved;
mod tasks;
mod token_losses;

pub use answers::{Accuracy, Answer, TaskReport, TaskScores, answer};
pub use bootstrap::{Bootstrap, Measured, Unit};
pub use comparison::{ComparedModel, Metric, QUOTED, Quoted, Training};
pub use confusion::Confusion;
pub use dynamic::{DynamicModel, GradientScales};
pub use error::EvalError;
pub use evaluate::{ContextLoss, EvalConfig, EvalReport, FrequencyLoss, evaluate};
pub use evaluation::Evaluation;
pub use finetuned::{WrittenAnswer, confusion, rouge_l_of_answers, write_answers};
pub use grounding::{
    AnswerLikelihood, GroundedAnswer, GroundedQuestion, GroundingReport, grounding,
};
pub use named_tasks::NamedTask;
pub use protocol::{CacheConfig, DynamicConfig, DynamicRule, Protocol};
pub use reader::{Reader, Readers};
pub use recited::Recited;
pub use rouge::rouge_l;
pub use saved::{ComparedTask, Forgotten, PreferenceFigures, SavedEvaluation, TaskFigures};
pub use tasks::{Cloze, MultipleChoice, Questions, Task};
