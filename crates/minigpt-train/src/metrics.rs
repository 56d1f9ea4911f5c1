//! `metrics.csv`: one row per step and one per validation, for people and for plots; the same as
//! TensorBoard's events.

use std::path::Path;

use fs_err::{File, OpenOptions};
use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::run::RunFolder;
use crate::tensorboard::EventWriter;

/// Which split a row speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// One training step.
    Train,
    /// One validation over the whole validation split.
    Valid,
    /// The same of the weights' moving average.
    Average,
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

/// Appends rows to `metrics.csv` and to an event file, so that a running job can be watched.
pub(crate) struct MetricsWriter {
    table: csv::Writer<File>,
    events: EventWriter,
}

impl MetricsWriter {
    /// Continues the run's table after `step` steps, or starts it with a header.
    pub(crate) fn append(run: &RunFolder, step: usize) -> Result<Self, TrainError> {
        let file = OpenOptions::new().create(true).append(true).open(run.metrics_path())?;
        let is_new = file.metadata()?.len() == 0;
        let table = csv::WriterBuilder::new().has_headers(is_new).from_writer(file);
        Ok(Self { table, events: EventWriter::create(run.path(), step)? })
    }

    pub(crate) fn write(&mut self, row: &Row) -> Result<(), TrainError> {
        self.table.serialize(row).map_err(std::io::Error::other)?;
        self.table.flush()?;
        self.events.write(row)
    }

    /// Waits until the rows are on the disk: a checkpoint must not know of steps that they lack.
    pub(crate) fn sync(&self) -> Result<(), TrainError> {
        Ok(self.table.get_ref().sync_data()?)
    }
}

/// `rows` as the text of a `metrics.csv`.
pub(crate) fn to_csv(rows: &[Row]) -> Result<Vec<u8>, TrainError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(row).map_err(std::io::Error::other)?;
    }
    writer.into_inner().map_err(|error| std::io::Error::other(error.to_string()).into())
}

/// All rows of a `metrics.csv`. A last line that was cut off by a crash is left out.
///
/// # Errors
/// [`TrainError::Io`] or [`TrainError::Damaged`].
pub fn read_metrics(path: &Path) -> Result<Vec<Row>, TrainError> {
    let mut text = fs_err::read(path)?;
    text.truncate(text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1));
    let rows: Result<_, csv::Error> =
        csv::Reader::from_reader(&text[..]).into_deserialize().collect();
    rows.map_err(|error| TrainError::Damaged { path: path.to_owned(), reason: error.to_string() })
}
