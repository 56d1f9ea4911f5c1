//! The rows of a run as they come.

use std::io::ErrorKind;

use minigpt_train::{FoundRun, Row, RowSplit, TrainError, read_metrics_after};
use serde::Serialize;

use super::error::RunError;

/// Lines of one answer: half a megabyte.
const LINES: usize = 5_000;

/// Lines of a run's `metrics.csv`, for a page that has those before them.
#[derive(Debug, Serialize)]
pub(crate) struct Metrics {
    /// What the values of a row are.
    pub(crate) columns: [&'static str; 9],
    /// Lines before these.
    pub(crate) after: usize,
    /// Each line's values; nothing for one that is damaged, so that the lines keep their numbers.
    pub(crate) rows: Vec<Option<Values>>,
    /// Whether more may follow at once.
    pub(crate) more: bool,
    /// What is wrong with the first line that is damaged.
    pub(crate) problem: Option<String>,
}

/// A row without names, which would make most of the answer. JSON has no NaN: such a value is null.
pub(crate) type Values = (RowSplit, usize, f64, u64, f64, Option<f64>, Option<f64>, f64, f64);

const COLUMNS: [&str; 9] = [
    "split",
    "step",
    "passes",
    "tokens",
    "loss",
    "learning_rate",
    "grad_norm",
    "tokens_per_second",
    "seconds",
];

impl Metrics {
    /// The lines after the first `after`; none of a run that has not begun.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub(crate) fn after(run: &FoundRun, after: usize) -> Result<Self, RunError> {
        let lines = match read_metrics_after(&run.folder()?.metrics_path(), after, LINES) {
            Err(TrainError::Io(error)) if error.kind() == ErrorKind::NotFound => Vec::new(),
            lines => lines?,
        };
        let problem = lines.iter().find_map(|line| line.as_ref().err().cloned());
        let more = lines.len() == LINES;
        let rows = lines.into_iter().map(|line| line.ok().map(values)).collect();
        Ok(Self { columns: COLUMNS, after, rows, more, problem })
    }
}

fn values(row: Row) -> Values {
    let Row { split, step, passes, tokens, loss, .. } = row;
    let Row { learning_rate, grad_norm, tokens_per_second, seconds, .. } = row;
    (split, step, passes, tokens, loss, learning_rate, grad_norm, tokens_per_second, seconds)
}
