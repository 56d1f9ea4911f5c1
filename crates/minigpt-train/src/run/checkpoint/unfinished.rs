//! Sets that a process was writing when it ended.

use std::path::{Path, PathBuf};

use super::{
    CheckpointFolder, Entry, MANIFEST_FILE, PARTIAL, STEP, read_manifest, remove_set, verify,
};
use crate::error::TrainError;

impl CheckpointFolder {
    /// Gives its name to a set that is whole but for that: its run ended between two lines.
    pub(crate) fn finish_written(&self) -> Result<(), TrainError> {
        for (partial, is_whole) in self.half_written()? {
            if is_whole {
                fs_err::rename(&partial, partial.with_extension(""))?;
            }
        }
        Ok(())
    }

    /// The sets without their names yet, and of each whether it is whole and its name free.
    fn half_written(&self) -> Result<Vec<(PathBuf, bool)>, TrainError> {
        let names = self.names()?.into_iter();
        let sets = names.filter(|name| Entry::of(name) == Entry::HalfWritten).map(|name| {
            let partial = self.path.join(&name);
            let step = name.trim_start_matches(STEP).trim_end_matches(PARTIAL).parse();
            let is_whole = step.is_ok_and(|step| {
                read_manifest(&partial.join(MANIFEST_FILE), step)
                    .is_ok_and(|manifest| verify(&partial, &manifest).is_ok())
            });
            let is_free = !partial.with_extension("").exists();
            (partial, is_whole && is_free)
        });
        Ok(sets.collect())
    }

    /// Sets that were being written when their process ended, and can never be whole.
    pub(crate) fn broken_off(&self) -> Result<Vec<PathBuf>, TrainError> {
        let sets = self.half_written()?.into_iter();
        Ok(sets.filter_map(|(path, is_whole)| (!is_whole).then_some(path)).collect())
    }

    /// Removes all sets, whole or not, of a folder that is no run yet; whatever else lies in them is set aside. A
    /// link is not followed.
    pub(crate) fn clear(&self) -> Result<(), TrainError> {
        if !self.path.symlink_metadata().is_ok_and(|found| found.is_dir()) {
            return Ok(());
        }
        for name in self.names()? {
            if matches!(Entry::of(&name), Entry::Set(_) | Entry::HalfWritten) {
                remove_set(&self.path.join(name))?;
            }
        }
        Ok(())
    }

    /// Removes a set that was broken off; whatever else lies in it is set aside.
    pub(crate) fn remove_broken_off(&self, path: &Path) -> Result<(), TrainError> {
        remove_set(path).map(drop)
    }
}
