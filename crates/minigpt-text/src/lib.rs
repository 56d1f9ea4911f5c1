#![doc = include_str!("../README.md")]
//!
//! # Main types
//!
//! | for | see |
//! |---|---|
//! | another program's model | [`Pretrained`], [`GenerationDefaults`] |
//! | what is continued | [`Prompt`], [`TextOptions`] |
//! | continuing it | [`TextGenerator`], [`TextBatch`], [`write_texts`] |
//! | valid JSON, and calls of functions | [`Grammar`], [`Grammars`], [`Tools`] |
//! | labels | [`Classifier`] |
//! | looking inside | [`record_attention`], [`head_habits`], [`read_text`], [`logit_lens`], [`likelihoods`] |
//! | models for other programs | [`Export`] |
//! | what can be wrong | [`TextError`], [`GrammarError`], [`ToolsError`] |

mod application;
mod attention;
mod attention_file;
mod attention_page;
mod batch;
mod classifier;
mod continuation;
mod error;
mod explain;
mod export;
mod generation;
mod grammar;
mod likelihood;
mod pretrained;
mod prompt;
mod tools;
mod writer;

pub use application::{Application, grounded_prompt};
pub use attention::{
    AttentionMap, AttentionStep, Habit, HeadHabits, embedded_windows, head_habits, layer_attention,
    record_attention,
};
pub use attention_file::{AttentionPicture, SavedAttention};
pub use attention_page::write_attention_page;
pub use batch::{Continuation, TextBatch, write_texts};
pub use classifier::{Classifier, Verdict};
pub use continuation::TextGenerator;
pub use error::TextError;
pub use explain::{
    Candidate, LensLayer, ReadText, ReadToken, Surprise, TokenLogProbability, candidates,
    logit_lens, read_text, token_log_probabilities,
};
pub use export::{Export, Modelfile};
pub use generation::GenerationDefaults;
pub use grammar::{Grammar, GrammarError, Grammars};
pub use likelihood::{Likelihood, ScoredText, likelihoods};
pub use pretrained::Pretrained;
pub use prompt::Prompt;
pub use tools::{ToolAnswer, ToolCall, Tools, ToolsError};
pub use writer::{TextEnd, TextOptions, TextToken};
