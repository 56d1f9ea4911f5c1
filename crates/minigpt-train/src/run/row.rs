//! A row of a run's metrics.

use serde::{Deserialize, Serialize};

/// Which split the figures of a row are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RowSplit {
    /// One training step.
    Train,
    /// One validation over the whole validation split.
    Valid,
    /// The same of the weights' moving average.
    Average,
}

/// A row of `metrics.csv`: the figures of one step or of one validation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What the row speaks of.
    pub split: RowSplit,
    /// Optimiser steps taken, this one included.
    pub step: usize,
    /// Passes over the training text so far.
    pub passes: f64,
    /// Training tokens seen so far.
    pub tokens: u64,
    /// Mean cross-entropy in nats per token.
    pub loss: f64,
    /// Learning rate of the step.
    pub learning_rate: Option<f64>,
    /// Norm of all gradients before clipping.
    pub grad_norm: Option<f64>,
    /// Tokens predicted per second.
    pub tokens_per_second: f64,
    /// Seconds since training began.
    pub seconds: f64,
    /// Of preferences: how much more the model prefers the chosen answers than the reference does, times beta, on
    /// average.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
    /// The part of them with a margin above 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
}
