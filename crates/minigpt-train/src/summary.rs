//! What a run came to.

use serde::{Deserialize, Serialize};

use crate::engine::Progress;
use crate::evaluation::Evaluation;

/// The figures of a run's end, saved as `summary.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Steps taken.
    pub steps: usize,
    /// True where the run was asked to stop before its last step.
    pub interrupted: bool,
    /// Wall time of training, validations included, in seconds.
    pub seconds: f64,
    /// Step of the best validation, whose checkpoint is kept.
    pub best_step: usize,
    /// The best validation.
    pub best: Figures,
    /// The last validation.
    pub last: Figures,
    /// Texts by the model at the end.
    pub samples: Vec<String>,
}

/// One validation in every protocol: disjoint windows, each token predicted once.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// Nats per token.
    pub loss: f64,
    /// Perplexity per token.
    pub token_perplexity: f64,
    /// Perplexity per word.
    pub word_perplexity: f64,
    /// Bits per byte.
    pub bits_per_byte: f64,
}

impl From<Evaluation> for Figures {
    fn from(evaluation: Evaluation) -> Self {
        Self {
            loss: evaluation.loss(),
            token_perplexity: evaluation.token_perplexity(),
            word_perplexity: evaluation.word_perplexity(),
            bits_per_byte: evaluation.bits_per_byte(),
        }
    }
}

impl Summary {
    /// The summary of a run of `total_steps`; none before its first validation.
    pub(crate) fn new(
        progress: &Progress,
        total_steps: usize,
        samples: Vec<String>,
    ) -> Option<Self> {
        let by_loss =
            |a: &&(usize, Evaluation), b: &&(usize, Evaluation)| a.1.loss().total_cmp(&b.1.loss());
        let best = progress.evaluations.iter().min_by(by_loss)?;
        let last = progress.evaluations.last()?;
        Some(Self {
            steps: last.0,
            interrupted: last.0 < total_steps,
            seconds: progress.seconds(),
            best_step: best.0,
            best: best.1.into(),
            last: last.1.into(),
            samples,
        })
    }
}
