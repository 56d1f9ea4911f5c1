//! What can go wrong with a report.

use minigpt_plot::PlotError;
use minigpt_train::TrainError;

/// What can go wrong with a report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// There is nothing to report.
    #[error("no run to report: expected at least one run folder")]
    NoRun,
    /// Too many runs for one table.
    #[error("{runs} runs: expected at most {most} in one report")]
    TooManyRuns {
        /// Runs that were given.
        runs: usize,
        /// Runs that a table holds.
        most: usize,
    },
    /// A run's configuration cannot be read, or a curve cannot be drawn.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// A picture cannot be drawn.
    #[error(transparent)]
    Plot(#[from] PlotError),
    /// A file cannot be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
