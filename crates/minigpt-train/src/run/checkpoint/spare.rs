//! What the checkpoints of a run that has ended can do without.

use std::path::PathBuf;

use minigpt_files::{is_folder, sync_folder};

use super::{
    CheckpointFolder, CheckpointManifest, MANIFEST_FILE, OPTIMIZER_FILE, read_manifest, remove_set,
};
use crate::error::TrainError;

/// What can be spared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spare {
    /// A whole set that is neither the best nor the last, nor the one that a longer run goes on from.
    Set(usize),
    /// The moments of the best set, where a later one is there to go on from.
    Optimizer(usize),
}

impl CheckpointFolder {
    /// What a run that has ended needs neither to write with its best weights nor to go on, from its last set or from
    /// the newest up to `branch_point`, where it has one: all are checked against their checksums first. Sets that
    /// cannot be read are none of it, nor are damaged ones that would be needed, nor links.
    pub(crate) fn spare(&self, branch_point: Option<usize>) -> Result<Vec<Spare>, TrainError> {
        if !is_folder(&self.path) {
            return Ok(Vec::new());
        }
        let (Some(best), Some(last)) = (self.best(&mut |_| ())?, self.last(&mut |_| ())?) else {
            return Ok(Vec::new());
        };
        let branch = match branch_point {
            Some(step) => self.newest_until(step, &mut |_| ())?.map(|set| set.step),
            None => None,
        };
        let of_set = |set: CheckpointManifest| {
            // Later than the last that is intact, or better than the best: damaged, and perhaps mended one day.
            let is_damaged = set.step > last.step || set.validation_loss() < best.validation_loss();
            // So are those between the one that a longer run goes on from and the place where it should be.
            let is_of_branch = branch_point.is_some_and(|step| {
                set.step <= step && branch.is_none_or(|branch| set.step >= branch)
            });
            if set.step == last.step
                || is_damaged
                || is_of_branch
                || !is_folder(&self.set(set.step))
            {
                None
            } else if set.step != best.step {
                Some(Spare::Set(set.step))
            } else {
                set.has_optimizer().then_some(Spare::Optimizer(set.step))
            }
        };
        Ok(self.manifests(&mut |_| ())?.into_iter().filter_map(of_set).collect())
    }

    /// Where it lies: a folder, or a file.
    pub(crate) fn path_of(&self, spare: Spare) -> PathBuf {
        match spare {
            Spare::Set(step) => self.set(step),
            Spare::Optimizer(step) => self.set(step).join(OPTIMIZER_FILE),
        }
    }

    /// Removes it.
    pub(crate) fn remove(&self, spare: Spare) -> Result<(), TrainError> {
        let path = self.path_of(spare);
        match spare {
            Spare::Set(_) => remove_set(&path).map(drop),
            Spare::Optimizer(step) => {
                let manifest_path = self.set(step).join(MANIFEST_FILE);
                let mut manifest = read_manifest(&manifest_path, step)?;
                manifest.sha256.remove(OPTIMIZER_FILE);
                let json = serde_json::to_vec_pretty(&manifest).map_err(std::io::Error::other)?;
                // First: at no time does a manifest list a file that is gone.
                minigpt_files::write(&manifest_path, json)?;
                fs_err::remove_file(path)?;
                Ok(sync_folder(&self.set(step))?)
            }
        }
    }
}

#[cfg(test)]
mod tests;
