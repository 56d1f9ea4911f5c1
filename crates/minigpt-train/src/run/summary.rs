//! What a run came to.

use serde::{Deserialize, Deserializer, Serialize};

use minigpt_eval::Evaluation;

/// The figures of a run's end, saved as `summary.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Steps taken.
    pub steps: usize,
    /// Why it ended there.
    pub end: End,
    /// Wall time of training, validations included, in seconds.
    pub seconds: f64,
    /// Peak memory in bytes of the process that ended the run, where the system reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_memory: Option<u64>,
    /// The best validation, whose checkpoint is kept.
    pub best: Option<ValidationFigures>,
    /// The last validation.
    pub last: Option<ValidationFigures>,
    /// The validation before the first step, where the run tunes a model that exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<ValidationFigures>,
    /// The last validation of the weights' moving average, where the run keeps one.
    pub average: Option<ValidationFigures>,
    /// Texts by the model at the end; none where the run was interrupted.
    pub samples: Vec<String>,
}

/// Why a run ended: complete, out of time, out of patience, or interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// It has taken all its steps.
    Complete,
    /// Its minutes were over.
    OutOfTime,
    /// The validation loss no longer fell.
    Patience,
    /// It was asked to stop.
    Interrupted,
}

/// One validation in every protocol: disjoint windows, each token predicted once.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidationFigures {
    /// Steps taken before it.
    pub step: usize,
    /// Nats per token.
    pub loss: f64,
    /// Perplexity per token; infinite, which JSON writes as null, of a very large loss.
    #[serde(deserialize_with = "null_is_infinite")]
    pub token_perplexity: f64,
    /// Perplexity per word, of a text that has spaces between them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub word_perplexity: Option<f64>,
    /// Bits per byte.
    pub bits_per_byte: f64,
}

fn null_is_infinite<'de, D: Deserializer<'de>>(number: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(number)?.unwrap_or(f64::INFINITY))
}

impl ValidationFigures {
    pub(crate) fn new((step, evaluation): &(usize, Evaluation)) -> Self {
        Self {
            step: *step,
            loss: evaluation.loss(),
            token_perplexity: evaluation.token_perplexity(),
            word_perplexity: evaluation.word_perplexity(),
            bits_per_byte: evaluation.bits_per_byte(),
        }
    }
}

#[cfg(test)]
mod tests;
