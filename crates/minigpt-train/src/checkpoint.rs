//! Checkpoints: model, optimiser and schedule as one atomic set with a manifest.
//!
//! burn-train saves the three parts on three threads. Each part goes into `step-N.partial`; the
//! thread that writes the last one adds the manifest, syncs, and renames the folder to `step-N`.
//! A folder without the suffix is therefore complete.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use burn::train::checkpoint::{
    Checkpoint, Checkpointer, CheckpointerError, CheckpointingAction, CheckpointingStrategy,
};
use burn::train::metric::store::EventStoreClient;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::TrainError;
use crate::evaluation::Evaluation;

/// File of the model's weights in a set.
pub(crate) const MODEL_FILE: &str = "model.bpk";
const PARTS: [&str; 3] = [MODEL_FILE, "optimizer.bpk", "schedule.bpk"];
const MANIFEST_FILE: &str = "manifest.json";

/// What a checkpoint holds and where in the run it was taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Optimiser steps taken.
    pub step: usize,
    /// The validation of these weights.
    pub validation: Evaluation,
    /// SHA-256 of the training tokens, in hexadecimal.
    pub data_sha256: String,
    /// SHA-256 of each file, in hexadecimal.
    pub sha256: BTreeMap<String, String>,
}

impl Manifest {
    pub(crate) fn new(step: usize, validation: Evaluation, data_sha256: String) -> Self {
        Self { step, validation, data_sha256, sha256: BTreeMap::new() }
    }
}

/// The checkpoints of one run, in its folder `checkpoints`.
#[derive(Clone, Debug)]
pub struct CheckpointFolder {
    path: PathBuf,
}

impl CheckpointFolder {
    /// The checkpoints in `path`, which need not exist yet.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The manifests of all complete sets, oldest first.
    ///
    /// # Errors
    /// [`TrainError::Io`], or [`TrainError::Damaged`] where a manifest is unreadable.
    pub fn manifests(&self) -> Result<Vec<Manifest>, TrainError> {
        if !self.path.exists() {
            return Ok(Vec::new());
        }
        let mut manifests = Vec::new();
        for entry in fs_err::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with("step-") && !name.ends_with(".partial") {
                manifests.push(read_manifest(&entry.path().join(MANIFEST_FILE))?);
            }
        }
        manifests.sort_by_key(|manifest| manifest.step);
        Ok(manifests)
    }

    /// The set with the lowest validation loss.
    ///
    /// # Errors
    /// As [`manifests`](Self::manifests).
    pub fn best(&self) -> Result<Option<Manifest>, TrainError> {
        let best = |a: &Manifest, b: &Manifest| a.validation.loss().total_cmp(&b.validation.loss());
        Ok(self.manifests()?.into_iter().min_by(best))
    }

    /// The newest set whose files all match their checksums; `damaged` hears of newer ones that do
    /// not.
    ///
    /// # Errors
    /// As [`manifests`](Self::manifests).
    pub(crate) fn last_intact(
        &self,
        damaged: &mut dyn FnMut(TrainError),
    ) -> Result<Option<Manifest>, TrainError> {
        for manifest in self.manifests()?.into_iter().rev() {
            match PARTS.iter().try_for_each(|file| self.verified_file(&manifest, file).map(drop)) {
                Ok(()) => return Ok(Some(manifest)),
                Err(error) => damaged(error),
            }
        }
        Ok(None)
    }

    /// Removes the sets taken after `step`, which a resumed run will take again.
    pub(crate) fn forget_after(&self, step: usize) -> Result<(), TrainError> {
        for manifest in self.manifests()?.iter().filter(|manifest| manifest.step > step) {
            fs_err::remove_dir_all(self.set(manifest.step))?;
        }
        Ok(())
    }

    /// The path of one file of a set, after a check against the manifest's checksum.
    ///
    /// # Errors
    /// [`TrainError::Io`], or [`TrainError::Damaged`] where the checksum differs.
    pub fn verified_file(&self, manifest: &Manifest, file: &str) -> Result<PathBuf, TrainError> {
        let path = self.set(manifest.step).join(file);
        let found = sha256_hex(&fs_err::read(&path)?);
        if manifest.sha256.get(file) != Some(&found) {
            let reason = format!("its SHA-256 is {found}, which is not the manifest's");
            return Err(TrainError::Damaged { path, reason });
        }
        Ok(path)
    }

    /// The folder of the set taken at `step`.
    pub fn set(&self, step: usize) -> PathBuf {
        self.path.join(format!("step-{step:06}"))
    }

    fn partial(&self, step: usize) -> PathBuf {
        self.path.join(format!("step-{step:06}.partial"))
    }

    /// Removes all sets but the best and the `keep_last` newest.
    fn prune(&self, keep_last: usize) -> Result<(), TrainError> {
        let manifests = self.manifests()?;
        let best = self.best()?.map(|manifest| manifest.step);
        let old = manifests.len().saturating_sub(keep_last);
        for manifest in manifests[..old].iter().filter(|manifest| Some(manifest.step) != best) {
            fs_err::remove_dir_all(self.set(manifest.step))?;
        }
        Ok(())
    }
}

fn read_manifest(path: &Path) -> Result<Manifest, TrainError> {
    serde_json::from_slice(&fs_err::read(path)?)
        .map_err(|error| TrainError::Damaged { path: path.to_owned(), reason: error.to_string() })
}

fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A set that is being written: which parts are done, and what its manifest will say.
pub(crate) struct SetWriter {
    folder: CheckpointFolder,
    keep_last: usize,
    pending: Mutex<Option<Manifest>>,
    done: Condvar,
}

impl SetWriter {
    pub(crate) fn new(folder: CheckpointFolder, keep_last: usize) -> Arc<Self> {
        Arc::new(Self { folder, keep_last, pending: Mutex::new(None), done: Condvar::new() })
    }

    /// Announces the set that the three parts will fill, once the one before is written or given
    /// up.
    pub(crate) fn begin(&self, manifest: Manifest) -> Result<(), TrainError> {
        let waited = self.done.wait_while(self.lock(), |pending| pending.is_some());
        drop(waited);
        let partial = self.folder.partial(manifest.step);
        if partial.exists() {
            fs_err::remove_dir_all(&partial)?;
        }
        fs_err::create_dir_all(partial)?;
        *self.lock() = Some(manifest);
        Ok(())
    }

    /// The three checkpointers that burn-train drives: model, optimiser, schedule.
    pub(crate) fn parts(self: &Arc<Self>) -> [Part; 3] {
        PARTS.map(|file| Part { writer: self.clone(), file })
    }

    fn finish_part(&self, file: &str, bytes: &[u8]) -> Result<(), TrainError> {
        let step = self.lock().as_ref().map(|manifest| manifest.step);
        let Some(step) = step else {
            return Err(TrainError::Learner(format!("{file} belongs to no checkpoint")));
        };
        write_synced(&self.folder.partial(step).join(file), bytes)?;

        let mut pending = self.lock();
        let Some(manifest) = pending.as_mut() else { return Ok(()) };
        manifest.sha256.insert(file.to_owned(), sha256_hex(bytes));
        if manifest.sha256.len() < PARTS.len() {
            return Ok(());
        }
        let json = serde_json::to_vec_pretty(manifest).map_err(std::io::Error::other)?;
        write_synced(&self.folder.partial(step).join(MANIFEST_FILE), &json)?;
        let complete = self.folder.set(step);
        if complete.exists() {
            fs_err::remove_dir_all(&complete)?;
        }
        fs_err::rename(self.folder.partial(step), complete)?;
        *pending = None;
        self.done.notify_all();
        self.folder.prune(self.keep_last)
    }

    fn give_up(&self) {
        *self.lock() = None;
        self.done.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Option<Manifest>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    let mut file = fs_err::File::create(path)?;
    file.write_all(bytes)?;
    Ok(file.sync_all()?)
}

/// One file of the set.
pub(crate) struct Part {
    writer: Arc<SetWriter>,
    file: &'static str,
}

impl<R: Checkpoint> Checkpointer<R> for Part {
    fn save(&self, _step: usize, record: R) -> Result<(), CheckpointerError> {
        let bytes = record.checkpoint_into_bytes().map_err(CheckpointerError::Record)?;
        let finished = self.writer.finish_part(self.file, &bytes);
        finished.map_err(|error| {
            self.writer.give_up();
            CheckpointerError::Unknown(error.to_string())
        })
    }

    fn delete(&self, _step: usize) -> Result<(), CheckpointerError> {
        // Whole sets are pruned once a newer one is complete.
        Ok(())
    }

    fn restore(&self, step: usize) -> Result<R, CheckpointerError> {
        R::load(self.writer.folder.set(step).join(self.file))
    }
}

/// Saves whenever it is asked: the engine decides when.
pub(crate) struct AlwaysSave;

impl CheckpointingStrategy for AlwaysSave {
    fn checkpointing(&mut self, _step: usize, _: &EventStoreClient) -> Vec<CheckpointingAction> {
        vec![CheckpointingAction::Save]
    }
}
