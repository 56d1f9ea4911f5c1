//! What of a run's folder can go without anybody missing it, and taking it away.
//!
//! A run that trains, or that can be resumed, keeps all its checkpoints; one that has ended keeps the best, to write
//! with, and the last, to go on from. What was set aside as damaged stays.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use minigpt_files::{is_temporary, size_below};
use serde::Serialize;

use super::checkpoint::Spare;
use super::watch::RunState;
use super::{CHECKPOINTS, RunFolder};
use crate::error::TrainError;

/// A temporary file that is younger may be somebody's who writes just now.
const OLD: Duration = Duration::from_secs(3600);

/// Entries of a folder whose bytes are added up.
const ENTRIES: usize = 100_000;

/// Something in a run's folder that can go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Prunable {
    /// The file or folder.
    pub path: PathBuf,
    /// What it is.
    #[serde(flatten)]
    pub part: PrunablePart,
    /// What it takes of the disk.
    pub bytes: u64,
}

/// What of a run can go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "part", rename_all = "snake_case")]
pub enum PrunablePart {
    /// A checkpoint that is neither the best nor the last.
    Checkpoint {
        /// Steps taken before it.
        step: usize,
    },
    /// The optimiser's state of the best checkpoint, which is not the last: it still writes, and the run goes on from
    /// the last.
    OptimizerState {
        /// Steps taken before it.
        step: usize,
    },
    /// A checkpoint that was being written when its process ended.
    BrokenOff,
    /// A temporary file or folder of a process that ended.
    Temporary,
}

impl RunFolder {
    /// What of the run can go; nothing of one that trains. Checkpoints of a run that has not ended are none of it.
    ///
    /// # Errors
    /// [`TrainError::Io`].
    pub fn prunable(&self) -> Result<Vec<Prunable>, TrainError> {
        match self.state() {
            RunState::Training => Ok(Vec::new()),
            state => self.look_for_prunable(state),
        }
    }

    fn look_for_prunable(&self, state: RunState) -> Result<Vec<Prunable>, TrainError> {
        let checkpoints = self.checkpoints();
        let mut found = Vec::new();
        let mut add = |path: PathBuf, part: PrunablePart| {
            let bytes = size_below(&path, ENTRIES).map_or(0, |size| size.bytes);
            found.push(Prunable { path, part, bytes });
        };
        if state == RunState::Finished {
            for spare in checkpoints.spare()? {
                add(checkpoints.path_of(spare), spare.into());
            }
        }
        for path in checkpoints.broken_off()? {
            add(path, PrunablePart::BrokenOff);
        }
        for folder in ["", "plots", "evaluation", CHECKPOINTS] {
            for path in old_temporaries(&self.path().join(folder)) {
                add(path, PrunablePart::Temporary);
            }
        }
        Ok(found)
    }

    /// Removes what can go, and tells what it was. Nobody can train in the folder meanwhile.
    ///
    /// # Errors
    /// [`TrainError::InUse`] where somebody trains there, [`TrainError::Io`]; what was removed before stays so.
    pub fn prune(&self) -> Result<Vec<Prunable>, TrainError> {
        let _lock = self.lock()?;
        let found = self.look_for_prunable(self.state_of_end())?;
        let checkpoints = self.checkpoints();
        for Prunable { path, part, .. } in &found {
            match *part {
                PrunablePart::Checkpoint { step } => checkpoints.remove(Spare::Set(step))?,
                PrunablePart::OptimizerState { step } => {
                    checkpoints.remove(Spare::Optimizer(step))?;
                }
                PrunablePart::BrokenOff => checkpoints.remove_broken_off(path)?,
                PrunablePart::Temporary if path.is_dir() => fs_err::remove_dir_all(path)?,
                PrunablePart::Temporary => fs_err::remove_file(path)?,
            }
        }
        Ok(found)
    }
}

impl From<Spare> for PrunablePart {
    fn from(spare: Spare) -> Self {
        match spare {
            Spare::Set(step) => Self::Checkpoint { step },
            Spare::Optimizer(step) => Self::OptimizerState { step },
        }
    }
}

/// Files and folders of a folder that were left under a temporary name.
fn old_temporaries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs_err::read_dir(folder) else { return Vec::new() };
    let is_old = |entry: &fs_err::DirEntry| {
        let modified = entry.metadata().and_then(|found| found.modified());
        let age = modified.ok().and_then(|time| SystemTime::now().duration_since(time).ok());
        is_temporary(&entry.file_name().to_string_lossy()) && age.is_some_and(|age| age >= OLD)
    };
    entries.flatten().filter(is_old).map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests;
