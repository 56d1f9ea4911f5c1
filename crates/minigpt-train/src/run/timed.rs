//! The rows of a run with the times at which they were written, as those want them who track runs.

use std::io::ErrorKind;
use std::time::{SystemTime, UNIX_EPOCH};

use super::RunFolder;
use super::found::FoundRun;
use super::metrics::read_rows;
use super::overview::began;
use super::row::{Row, RowSplit};
use crate::config::RunConfig;
use crate::error::TrainError;

/// The rows of a run, and when they were written.
pub(super) struct TimedRows {
    pub(super) rows: Vec<Row>,
    /// When the run began, in milliseconds since 1970.
    began: u64,
    /// The seconds that its rows had counted by then: those of the run that it goes on from.
    seconds_before: f64,
}

impl TimedRows {
    /// The rows of a run that can be read; none where it has none yet.
    pub(super) fn read(
        run: &FoundRun,
        folder: &RunFolder,
        config: &RunConfig,
    ) -> Result<Self, TrainError> {
        let rows = match read_rows(&folder.metrics_path()) {
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            rows => rows?.0,
        };
        let is_before = |row: &&Row| {
            row.split == RowSplit::Train && config.seam().is_some_and(|seam| row.step <= seam)
        };
        let seconds_before = rows.iter().rfind(is_before).map_or(0.0, |row| row.seconds);
        Ok(Self { rows, began: milliseconds(began(run)), seconds_before })
    }

    /// When a row was written, in milliseconds since 1970.
    pub(super) fn time(&self, row: &Row) -> u64 {
        // Whatever the table says: this saturates, and nothing is made of NaN.
        let since = (row.seconds.max(0.0) - self.seconds_before) * 1000.0;
        self.began.saturating_add_signed(since as i64)
    }
}

/// Since 1970; 0 of a time that is not known.
pub(super) fn milliseconds(time: Option<SystemTime>) -> u64 {
    let since = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
