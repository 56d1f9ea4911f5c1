//! `metrics.csv`: one row per step and one per validation, for people and for plots.

use std::path::Path;

use fs_err::File;
use serde::{Deserialize, Serialize};

use crate::error::TrainError;

/// Which split a row speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// One training step.
    Train,
    /// One validation over the whole validation split.
    Valid,
}

/// A row of `metrics.csv`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What the row speaks of.
    pub split: Split,
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
}

/// Appends rows to a file, so that a running job can be watched.
pub(crate) struct MetricsWriter(csv::Writer<File>);

impl MetricsWriter {
    pub(crate) fn create(path: &Path) -> Result<Self, TrainError> {
        Ok(Self(csv::Writer::from_writer(File::create(path)?)))
    }

    pub(crate) fn write(&mut self, row: &Row) -> Result<(), TrainError> {
        self.0.serialize(row).map_err(std::io::Error::other)?;
        Ok(self.0.flush()?)
    }
}

/// All rows of a `metrics.csv`.
///
/// # Errors
/// [`TrainError::Io`] or [`TrainError::Damaged`].
pub fn read_metrics(path: &Path) -> Result<Vec<Row>, TrainError> {
    let rows: Result<_, csv::Error> =
        csv::Reader::from_reader(File::open(path)?).into_deserialize().collect();
    rows.map_err(|error| TrainError::Damaged { path: path.to_owned(), reason: error.to_string() })
}
