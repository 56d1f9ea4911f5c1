//! What of a run's folder can go without anybody missing it, and taking it away.
//!
//! A run that trains, or that can be resumed, keeps all its checkpoints; one that has ended keeps the best, to write
//! with, the last, to go on from, and the one before its learning rate fell where a longer run goes on from that.
//! What was set aside as damaged stays.

use std::path::PathBuf;

use minigpt_files::{is_left, leftovers, size_below};
use serde::Serialize;

use super::checkpoint::Spare;
use super::summary::End;
use super::watch::RunState;
use super::{CHECKPOINTS, RunFolder};
use crate::config::Decay;
use crate::error::TrainError;
use crate::optim::schedule::Schedule;

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

/// A part of a run that can be removed without loss for resuming, generating or measuring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "part", rename_all = "snake_case")]
pub enum PrunablePart {
    /// A checkpoint that is neither the best nor one to go on from.
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
    /// What can be removed from the run; nothing while it trains. Checkpoints of a run that can be resumed are not listed.
    ///
    /// # Errors
    /// [`TrainError::Io`].
    pub fn prunable(&self) -> Result<Vec<Prunable>, TrainError> {
        match self.state() {
            RunState::Training => Ok(Vec::new()),
            _ => self.look_for_prunable(),
        }
    }

    /// Whether the run ended by its length or by early stopping, so that nothing is left to resume.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let end = self.summary().ok().flatten().map(|summary| summary.end);
        matches!(end, Some(End::Complete | End::Patience))
    }

    /// The checkpoints that the run can do without.
    fn spare(&self) -> Result<Vec<Spare>, TrainError> {
        let (Ok(config), Ok(Some(summary)), true) = (self.config(), self.summary(), self.is_over())
        else {
            return Ok(Vec::new());
        };
        let total_steps = match summary.end {
            End::Complete => Some(summary.steps),
            _ => config.training.max_steps,
        };
        let branch_point = match total_steps {
            Some(steps) => Schedule::new(config.schedule, steps).branch_point(),
            // How many steps its passes have is not known here, nor where its rate would have fallen.
            None if config.schedule.decay == Decay::Stable => return Ok(Vec::new()),
            None => None,
        };
        self.checkpoints().spare(branch_point)
    }

    fn look_for_prunable(&self) -> Result<Vec<Prunable>, TrainError> {
        let checkpoints = self.checkpoints();
        let mut found = Vec::new();
        let mut add = |path: PathBuf, part: PrunablePart| {
            let bytes = size_below(&path, ENTRIES).map_or(0, |size| size.bytes);
            found.push(Prunable { path, part, bytes });
        };
        for spare in self.spare()? {
            add(checkpoints.path_of(spare), spare.into());
        }
        for path in checkpoints.broken_off()?.into_iter().filter(|path| is_left(path)) {
            add(path, PrunablePart::BrokenOff);
        }
        for folder in ["", "plots", "evaluation", CHECKPOINTS] {
            for path in leftovers(&self.path().join(folder)) {
                add(path, PrunablePart::Temporary);
            }
        }
        Ok(found)
    }

    /// Removes what can go, and adds each part to `removed` once it is gone. Nobody can train in the folder meanwhile.
    ///
    /// # Errors
    /// [`TrainError::InUse`] where somebody trains there, [`TrainError::NoLocks`] where that cannot be known,
    /// [`TrainError::Io`]; what was removed before stays so.
    pub fn prune(&self, removed: &mut Vec<Prunable>) -> Result<(), TrainError> {
        let lock = self.lock()?;
        if !lock.keeps_others_out {
            return Err(TrainError::NoLocks { path: self.path.clone() });
        }
        let checkpoints = self.checkpoints();
        for found in self.look_for_prunable()? {
            let path = &found.path;
            match found.part {
                PrunablePart::Checkpoint { step } => checkpoints.remove(Spare::Set(step))?,
                PrunablePart::OptimizerState { step } => {
                    checkpoints.remove(Spare::Optimizer(step))?;
                }
                PrunablePart::BrokenOff => checkpoints.remove_broken_off(path)?,
                PrunablePart::Temporary if path.symlink_metadata()?.is_dir() => {
                    fs_err::remove_dir_all(path)?;
                }
                PrunablePart::Temporary => fs_err::remove_file(path)?,
            }
            removed.push(found);
        }
        Ok(())
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

#[cfg(test)]
mod tests;
