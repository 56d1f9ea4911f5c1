//! What can go wrong with an evaluation.

use std::path::PathBuf;

use minigpt_data::DataError;
use minigpt_text::TextError;

/// What can go wrong with an evaluation.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// The text or the tokenizer is not usable.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The model cannot read or write a text.
    #[error(transparent)]
    Text(#[from] TextError),
    /// A text cannot be read so.
    #[error("{option} {value} is out of range: expected 1 to {most}")]
    Protocol {
        /// Which of the protocol's numbers.
        option: &'static str,
        /// The number given.
        value: usize,
        /// The largest there can be.
        most: usize,
    },
    /// A number of a protocol is out of range.
    #[error("{option} {value} is out of range: expected {expected}")]
    ProtocolNumber {
        /// Which of the protocol's numbers.
        option: &'static str,
        /// The number given.
        value: f64,
        /// The numbers there can be.
        expected: &'static str,
    },
    /// No rule of dynamic evaluation has this name.
    #[error("unknown rule of dynamic evaluation `{name}`: expected rms or sgd")]
    UnknownRule {
        /// The name given.
        name: String,
    },
    /// The models of an ensemble do not know the same ids.
    #[error(
        "the ensemble's models have vocabularies of {first} and {other} ids: expected models with the same tokenizer"
    )]
    Ensemble {
        /// The first one's.
        first: usize,
        /// Another's.
        other: usize,
    },
    /// Weights that moved while they read are no numbers any more.
    #[error(
        "dynamic evaluation: the loss is NaN or infinite after {tokens} tokens: expected a learning rate below {rate}"
    )]
    Diverged {
        /// Tokens that were predicted.
        tokens: usize,
        /// The learning rate.
        rate: f64,
    },
    /// No windows go through the model at once.
    #[error("batch_size is out of range: expected at least 1")]
    BatchSize,
    /// No unit of the bootstrap has this name.
    #[error("unknown unit of resamples `{name}`: expected windows or documents")]
    UnknownUnit {
        /// The name given.
        name: String,
    },
    /// A line of a task's file is not a question.
    #[error("{path}, line {line}: {reason}")]
    TaskLine {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// No task has this name.
    #[error("unknown task `{name}`: expected a file of questions, or one of {known}")]
    UnknownTask {
        /// The name given.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A task's file is empty.
    #[error("{path} holds no questions: expected a JSON object on each line")]
    EmptyTask {
        /// The file.
        path: PathBuf,
    },
    /// A reference answer is longer than the model's context.
    #[error(
        "answer {answer:?} has {tokens} tokens, and the model's context is {block_size}: expected a shorter answer"
    )]
    Answer {
        /// The answer.
        answer: String,
        /// Its tokens.
        tokens: usize,
        /// The context.
        block_size: usize,
    },
    /// A file could not be read; the message names it.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
