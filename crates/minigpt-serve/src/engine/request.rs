//! What is asked of a model, and what it answers.

use std::time::Duration;

use minigpt_text::{TextEnd, TextOptions, TextToken};

/// A request for a continuation: model, prompt, options and time limit.
#[derive(Clone, Debug)]
pub struct WriteRequest {
    /// Place of the model among the engine's.
    pub model: usize,
    /// What it continues: at least one token, and no more than its context has.
    pub prompt: Vec<u32>,
    /// How. Log-probabilities are those before constraints and sampling.
    pub options: TextOptions,
    /// How many of the most probable tokens are told beside each.
    pub top: usize,
    /// The text ends after so long, waiting included.
    pub time_limit: Duration,
}

/// What becomes of a text, in order: tokens, then its end or an error.
#[derive(Clone, Debug)]
pub enum WriteEvent {
    /// One more token.
    Token {
        /// It and the text that is certain with it.
        token: TextToken,
        /// The most probable tokens with their log-probabilities, best first; as many as were asked for.
        top: Vec<(u32, f64)>,
    },
    /// The text is complete.
    Ended(Written),
    /// It cannot go on.
    Failed(Failure),
}

/// Why a text ended without being complete.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// So many were before it that it never began.
    #[error("the request reached its time limit before it began: try again in a moment")]
    Late,
    /// What was asked cannot be done.
    #[error("{0}")]
    Request(String),
    /// What the model made is of no use, or making it broke.
    #[error("{0}")]
    Model(String),
}

/// The end of a text: why it ended, its counts and its times.
#[derive(Clone, Debug)]
pub struct Written {
    /// Why it ended; nothing where its time was over.
    pub end: Option<TextEnd>,
    /// Text that was held back until it was certain that no more comes.
    pub rest: String,
    /// Tokens written, a closing end of text included.
    pub tokens: usize,
    /// Tokens of the prompt that were not read again, because a text before began with them.
    pub cached: usize,
    /// From the request to the first token.
    pub first_token: Duration,
    /// From the first token to the last.
    pub writing: Duration,
}
