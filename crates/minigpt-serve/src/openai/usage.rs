//! What an answer took: tokens, and time.

use std::time::Duration;

use serde::Serialize;

use crate::engine::request::Written;

/// Tokens of a request, as OpenAI counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Usage {
    /// Of all prompts, each once.
    pub(super) prompt_tokens: usize,
    /// Of all texts, with their closing ends of text.
    pub(super) completion_tokens: usize,
    pub(super) total_tokens: usize,
    pub(super) prompt_tokens_details: PromptTokens,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct PromptTokens {
    /// Not read again, because a text before began with them.
    pub(super) cached_tokens: usize,
}

/// Times of a request, in llama.cpp's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Timings {
    /// Tokens of prompts that were read.
    prompt_n: usize,
    /// From the request to the first token, waiting included.
    prompt_ms: f64,
    /// Tokens written.
    predicted_n: usize,
    /// From the first token to the last.
    predicted_ms: f64,
    /// Of the tokens after the first of each text.
    predicted_per_second: f64,
}

/// The sums of a request's texts.
#[derive(Clone, Debug)]
pub(super) struct Sums {
    /// Texts of each prompt.
    n: usize,
    prompt_tokens: usize,
    cached: usize,
    texts: usize,
    written: usize,
    first_token: Duration,
    writing: Duration,
}

impl Sums {
    /// Of `n` texts for each of the prompts, which have so many tokens together.
    pub(super) fn new(prompt_tokens: usize, n: usize) -> Self {
        Self {
            n,
            prompt_tokens,
            cached: 0,
            texts: 0,
            written: 0,
            first_token: Duration::ZERO,
            writing: Duration::ZERO,
        }
    }

    /// The text of that number has ended.
    pub(super) fn add(&mut self, number: usize, text: &Written) {
        // Prompts count once, however many texts continue them.
        if number.is_multiple_of(self.n) {
            self.cached += text.cached;
        }
        self.texts += 1;
        self.written += text.tokens;
        self.first_token = self.first_token.max(text.first_token);
        self.writing = self.writing.max(text.writing);
    }

    pub(super) fn usage(&self) -> Usage {
        Usage {
            prompt_tokens: self.prompt_tokens,
            completion_tokens: self.written,
            total_tokens: self.prompt_tokens + self.written,
            prompt_tokens_details: PromptTokens { cached_tokens: self.cached },
        }
    }

    pub(super) fn timings(&self) -> Timings {
        let seconds = self.writing.as_secs_f64();
        let after_first = self.written.saturating_sub(self.texts) as f64;
        Timings {
            prompt_n: self.prompt_tokens.saturating_sub(self.cached),
            prompt_ms: self.first_token.as_secs_f64() * 1e3,
            predicted_n: self.written,
            predicted_ms: seconds * 1e3,
            predicted_per_second: if seconds > 0.0 { after_first / seconds } else { 0.0 },
        }
    }
}

#[cfg(test)]
mod tests;
