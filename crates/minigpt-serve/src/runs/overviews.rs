//! All runs of a folder at a glance.

use minigpt_train::{FoundRun, Overview, newest_first};
use serde::Serialize;

use super::Shown;
use super::error::RunError;

/// Runs that are listed, the newest of them.
pub(super) const LISTED: usize = 500;

/// The runs of a folder.
#[derive(Debug, Serialize)]
pub(crate) struct Overviews {
    /// The folder, as it was named.
    pub(crate) folder: String,
    /// The run that trains in this process.
    pub(crate) current: Option<String>,
    /// The newest first.
    pub(crate) runs: Vec<Overview>,
    /// Older ones that are not listed.
    pub(crate) left_out: usize,
}

impl Shown {
    /// All runs at a glance, each as `overview` tells it.
    ///
    /// # Errors
    /// Where the folder cannot be listed. A run that cannot be read is one of the runs.
    pub(crate) fn overviews(
        &self,
        overview: impl Fn(&FoundRun) -> Overview,
    ) -> Result<Overviews, RunError> {
        let mut found = self.runs.find()?;
        newest_first(&mut found);
        let left_out = found.len().saturating_sub(LISTED);
        Ok(Overviews {
            folder: self.runs.path().display().to_string(),
            current: self.current.clone(),
            runs: found.iter().take(LISTED).map(overview).collect(),
            left_out,
        })
    }
}
