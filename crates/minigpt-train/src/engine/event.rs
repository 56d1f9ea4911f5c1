//! What a run tells while it goes.

use minigpt_eval::Evaluation;
use serde::Serialize;

use crate::run::row::Row;

/// What a run tells while it goes.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum TrainEvent {
    /// A step was taken.
    Step(Row),
    /// A step was left out: its loss or gradient was NaN or infinite.
    Skipped {
        /// Which, and with what.
        message: String,
    },
    /// The base's log-probabilities of preferences, which are compared with, are known of `done` of `total`.
    Referring {
        /// Preferences it is known of.
        done: usize,
        /// All that are learnt or held out.
        total: usize,
    },
    /// A validation is at batch `done` of `total`.
    Validating {
        /// Batches evaluated.
        done: usize,
        /// Batches in the validation split.
        total: usize,
    },
    /// A validation is complete.
    Validated {
        /// Its row in the metrics.
        row: Row,
        /// Its figures.
        evaluation: Evaluation,
    },
    /// A checkpoint is damaged and the one before it is used.
    Damaged {
        /// Which, and why.
        message: String,
    },
    /// A file of the run beside its checkpoints was missing or damaged; the run goes on without it.
    Repaired {
        /// Which, and what was done.
        message: String,
    },
    /// The model wrote a sample.
    Sample {
        /// Steps taken.
        step: usize,
        /// Prompt and continuation.
        text: String,
    },
}

/// Receives the events of a run, on the thread that trains.
pub type Observer = Box<dyn FnMut(TrainEvent)>;
