//! A set in a second run, which goes on from it.

use std::path::Path;

use minigpt_files::NewFolder;

use super::{CheckpointFolder, CheckpointManifest, MANIFEST_FILE, OnDamage, verify};
use crate::error::TrainError;

impl CheckpointFolder {
    /// Copies a set of `other` into this folder, which has none of that step; it is whole there or not there. Checks the copy.
    ///
    /// # Errors
    /// [`TrainError::Io`] or [`TrainError::Damaged`].
    pub(crate) fn copy(
        &self,
        other: &Self,
        manifest: &CheckpointManifest,
    ) -> Result<(), TrainError> {
        let (from, to) = (other.set(manifest.step), self.set(manifest.step));
        let new = NewFolder::begin(&to)?;
        let copied = copy_files(&from, new.path(), manifest);
        copied.map_err(|error| new.named(error))?;
        Ok(new.finish()?)
    }

    /// The newest intact set of those up to `step` from which a run can go on, where there is one.
    ///
    /// # Errors
    /// [`TrainError::Io`] where the folder cannot be listed.
    pub(crate) fn newest_until(
        &self,
        step: usize,
        damaged: OnDamage<'_>,
    ) -> Result<Option<CheckpointManifest>, TrainError> {
        let mut manifests = self.manifests(damaged)?;
        manifests.retain(|set| set.step <= step && set.has_optimizer());
        manifests.reverse();
        Ok(self.first_intact(manifests, damaged))
    }

    /// The intact set with the lowest validation loss of those up to `step`, where one of them was validated.
    ///
    /// # Errors
    /// [`TrainError::Io`] where the folder cannot be listed.
    pub(crate) fn best_until(&self, step: usize) -> Result<Option<CheckpointManifest>, TrainError> {
        let mut manifests = self.manifests(&mut |_| ())?;
        manifests.retain(|set| set.step <= step && set.validation.is_some());
        manifests.sort_by(|a, b| a.validation_loss().total_cmp(&b.validation_loss()));
        Ok(self.first_intact(manifests, &mut |_| ()))
    }
}

fn copy_files(from: &Path, to: &Path, manifest: &CheckpointManifest) -> Result<(), TrainError> {
    for file in manifest.sha256.keys().map(String::as_str).chain([MANIFEST_FILE]) {
        let mut source = minigpt_files::open(&from.join(file))?;
        minigpt_files::write_with(&to.join(file), |out| {
            std::io::copy(&mut source, out).map(drop).map_err(TrainError::from)
        })?;
    }
    verify(to, manifest)
}
