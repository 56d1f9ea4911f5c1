//! How a text is continued, and its tokens as characters until it ends.

use minigpt_data::{StopStrings, TextStream, Tokenizer};
use minigpt_model::Policy;
use serde::Serialize;

use crate::error::TextError;

/// How a text is continued: the choice of each token, the end, and what is told beside.
#[derive(Clone, Debug)]
pub struct TextOptions {
    /// How each token is chosen.
    pub policy: Policy,
    /// Tokens written at most.
    pub max_tokens: usize,
    /// Strings before which the text ends.
    pub stop: Vec<String>,
    /// Seed of the random draws.
    pub seed: u64,
    /// Whether each token comes with its log-probability.
    pub log_probabilities: bool,
    /// Whether tokens are [drafted](minigpt_model::Generator::with_lookup) from what was there before, for a text that is written
    /// alone.
    pub lookup: bool,
}

/// Why a text ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TextEnd {
    /// It has all the tokens that it may have.
    Length,
    /// The model wrote an [end of text](Tokenizer::ends_of_text), such as `<|endoftext|>`.
    EndOfText,
    /// A stop string came.
    Stop,
}

/// A token of a text that is being written.
#[derive(Clone, Debug, PartialEq)]
pub struct TextToken {
    /// The token.
    pub id: u32,
    /// The text that is certain with it: none while a character or a stop string may be incomplete.
    pub text: String,
    /// Its log-probability in nats, before constraints and sampling, where it was asked for.
    pub log_probability: Option<f64>,
}

/// Turns the tokens of one text into characters, and knows when it ends.
pub(crate) struct Writer<'a> {
    pub(crate) tokenizer: &'a Tokenizer,
    stream: TextStream<'a>,
    stop: StopStrings,
    pub(crate) tokens: usize,
    max_tokens: usize,
    pub(crate) end: Option<TextEnd>,
    pub(crate) stopped_by: Option<String>,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(tokenizer: &'a Tokenizer, options: &TextOptions) -> Self {
        Self {
            tokenizer,
            stream: TextStream::new(tokenizer),
            stop: StopStrings::new(options.stop.clone()),
            tokens: 0,
            max_tokens: options.max_tokens,
            end: (options.max_tokens == 0).then_some(TextEnd::Length),
            stopped_by: None,
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// The text that is certain with one more token.
    pub(crate) fn write(&mut self, id: u32) -> Result<String, TextError> {
        if self.tokenizer.ends_of_text().contains(&id) {
            self.end = Some(TextEnd::EndOfText);
            return Ok(self.held_back());
        }
        self.tokens += 1;
        let piece = self.stream.push(id)?.unwrap_or_default();
        let (mut text, stop) = self.stop.push(&piece);
        if let Some(stop) = stop {
            self.stopped_by = Some(stop.to_owned());
            self.end = Some(TextEnd::Stop);
        } else if self.tokens == self.max_tokens {
            self.end = Some(TextEnd::Length);
            text += &self.held_back();
        }
        Ok(text)
    }

    /// What waited for more.
    pub(crate) fn held_back(&mut self) -> String {
        let stream = std::mem::replace(&mut self.stream, TextStream::new(self.tokenizer));
        let stop = std::mem::replace(&mut self.stop, StopStrings::new(Vec::new()));
        stop.finish() + &stream.finish()
    }
}
