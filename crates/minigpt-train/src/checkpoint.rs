//! Checkpoints: model, optimiser and schedule as one atomic set with a manifest.
//!
//! burn-train saves the three parts on three threads. Each part goes into `step-N.partial`; the
//! thread that writes the last one adds the manifest, syncs, and renames the folder to `step-N`.
//! A folder without the suffix is therefore complete. One that a resumed run could not read becomes
//! `step-N.damaged` and is never looked at again.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use burn::train::checkpoint::{
    Checkpoint, Checkpointer, CheckpointerError, CheckpointingAction, CheckpointingStrategy,
};
use burn::train::metric::store::EventStoreClient;
use minigpt_model::GptConfig;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::TrainError;
use crate::evaluation::Evaluation;
use crate::loss_scale::LossScale;
use crate::run::sync_folder;

/// File of the model's weights in a set.
pub(crate) const MODEL_FILE: &str = "model.bpk";
/// File of the weights' moving average in a set, where the run keeps one.
pub(crate) const AVERAGE_FILE: &str = "average.bpk";
pub(crate) const TOKENIZER_FILE: &str = "tokenizer.json";
const PARTS: [&str; 3] = [MODEL_FILE, "optimizer.bpk", "schedule.bpk"];
const MANIFEST_FILE: &str = "manifest.json";

/// Raised when a set's files change their meaning.
const FORMAT: u32 = 2;

/// What a checkpoint holds and where in the run it was taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the format of these files.
    pub format: u32,
    /// Optimiser steps taken.
    pub step: usize,
    /// The model's shape.
    pub model: GptConfig,
    /// The validation of these weights, where there was one at this step.
    pub validation: Option<Evaluation>,
    /// The loss scale, of a run that needs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_scale: Option<LossScale>,
    /// SHA-256 of the training tokens, in hexadecimal.
    pub data_sha256: String,
    /// SHA-256 of the tokenizer, in hexadecimal.
    pub tokenizer_sha256: String,
    /// SHA-256 of each file, in hexadecimal.
    pub sha256: BTreeMap<String, String>,
}

impl Manifest {
    /// The manifest of a set without files yet, in today's format.
    pub(crate) fn new(
        step: usize,
        model: GptConfig,
        data_sha256: String,
        tokenizer_sha256: String,
    ) -> Self {
        Self {
            format: FORMAT,
            step,
            model,
            validation: None,
            loss_scale: None,
            data_sha256,
            tokenizer_sha256,
            sha256: BTreeMap::new(),
        }
    }

    fn validation_loss(&self) -> f64 {
        self.validation.map_or(f64::INFINITY, |validation| validation.loss())
    }
}

/// Hears of checkpoints that cannot be used; the ones before them are.
pub type OnDamage<'a> = &'a mut dyn FnMut(TrainError);

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
    /// [`TrainError::Io`] where the folder cannot be listed.
    pub fn manifests(&self, damaged: OnDamage<'_>) -> Result<Vec<Manifest>, TrainError> {
        let mut manifests = Vec::new();
        for step in self.steps()? {
            match read_manifest(&self.set(step).join(MANIFEST_FILE), step) {
                Ok(manifest) => manifests.push(manifest),
                Err(error) => damaged(error),
            }
        }
        Ok(manifests)
    }

    /// The intact set with the lowest validation loss, or without any validation the newest.
    ///
    /// # Errors
    /// As [`manifests`](Self::manifests).
    pub fn best(&self, damaged: OnDamage<'_>) -> Result<Option<Manifest>, TrainError> {
        let mut manifests = self.manifests(damaged)?;
        manifests.reverse();
        manifests.sort_by(|a, b| a.validation_loss().total_cmp(&b.validation_loss()));
        Ok(self.first_intact(manifests, damaged))
    }

    /// The newest intact set.
    ///
    /// # Errors
    /// As [`manifests`](Self::manifests).
    pub fn last(&self, damaged: OnDamage<'_>) -> Result<Option<Manifest>, TrainError> {
        let mut manifests = self.manifests(damaged)?;
        manifests.reverse();
        Ok(self.first_intact(manifests, damaged))
    }

    fn first_intact(&self, manifests: Vec<Manifest>, damaged: OnDamage<'_>) -> Option<Manifest> {
        manifests.into_iter().find(|manifest| {
            let verify = |file: &String| self.verified_file(manifest, file).map(drop);
            match manifest.sha256.keys().try_for_each(verify) {
                Ok(()) => true,
                Err(error) => {
                    damaged(error);
                    false
                }
            }
        })
    }

    /// True where no set was ever completed.
    pub(crate) fn is_empty(&self) -> Result<bool, TrainError> {
        Ok(self.steps()?.is_empty())
    }

    /// Sets aside the sets taken after `step`, the newest that can be read: they may be good for
    /// another version of minigpt, or be mended. Removes what was left half-written.
    pub(crate) fn set_aside_after(&self, step: usize) -> Result<(), TrainError> {
        for later in self.steps()?.into_iter().filter(|later| *later > step) {
            fs_err::rename(self.set(later), self.free_damaged(later))?;
        }
        fs_err::create_dir_all(&self.path)?;
        for entry in fs_err::read_dir(&self.path)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == PARTIAL) {
                fs_err::remove_dir_all(path)?;
            }
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
        self.path.join(format!("step-{step:06}.{PARTIAL}"))
    }

    /// `step-N.damaged`, or the first free of `step-N.damaged-2`, `-3`, ….
    fn free_damaged(&self, step: usize) -> PathBuf {
        let first = self.path.join(format!("step-{step:06}.{DAMAGED}"));
        let numbered =
            (2_usize..).map(|number| self.path.join(format!("step-{step:06}.{DAMAGED}-{number}")));
        let mut candidates = std::iter::once(first.clone()).chain(numbered);
        candidates.find(|path| !path.exists()).unwrap_or(first)
    }

    /// The steps that complete sets are named for, in order.
    fn steps(&self) -> Result<Vec<usize>, TrainError> {
        if !self.path.exists() {
            return Ok(Vec::new());
        }
        let mut steps = Vec::new();
        for entry in fs_err::read_dir(&self.path)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            steps.extend(name.strip_prefix("step-").and_then(|step| step.parse::<usize>().ok()));
        }
        steps.sort_unstable();
        Ok(steps)
    }

    /// Removes all sets but the best and the `keep_last` newest; those it cannot read stay.
    fn prune(&self, keep_last: usize) -> Result<(), TrainError> {
        let manifests = self.manifests(&mut |_| ())?;
        let by_loss =
            |a: &&Manifest, b: &&Manifest| a.validation_loss().total_cmp(&b.validation_loss());
        let validated = manifests.iter().filter(|manifest| manifest.validation.is_some());
        let best = validated.min_by(by_loss).map(|manifest| manifest.step);
        let old = manifests.len().saturating_sub(keep_last);
        for manifest in manifests[..old].iter().filter(|manifest| Some(manifest.step) != best) {
            fs_err::remove_dir_all(self.set(manifest.step))?;
        }
        Ok(())
    }
}

/// End of the name of a set that is being written.
const PARTIAL: &str = "partial";

/// End of the name of a set that could not be read.
const DAMAGED: &str = "damaged";

/// The manifest of the set taken at `step`.
fn read_manifest(path: &Path, step: usize) -> Result<Manifest, TrainError> {
    let damaged = |reason: String| TrainError::Damaged { path: path.to_owned(), reason };
    let json: serde_json::Value =
        serde_json::from_slice(&fs_err::read(path)?).map_err(|error| damaged(error.to_string()))?;
    if json["format"] != FORMAT {
        let found = &json["format"];
        return Err(damaged(format!(
            "its format is {found} and this minigpt reads {FORMAT}: use the version that wrote it"
        )));
    }
    let manifest: Manifest =
        serde_json::from_value(json).map_err(|error| damaged(error.to_string()))?;
    if manifest.step != step {
        return Err(damaged(format!("it is of step {}, not of {step}", manifest.step)));
    }
    // Whoever reads a shape may count and multiply its sizes.
    manifest.model.validate().map_err(|error| damaged(error.to_string()))?;
    match PARTS.iter().find(|part| !manifest.sha256.contains_key(**part)) {
        Some(part) => Err(damaged(format!("it does not list {part}"))),
        None => Ok(manifest),
    }
}

fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A set that is being written: which parts are done, and what its manifest will say.
pub(crate) struct SetWriter {
    folder: CheckpointFolder,
    keep_last: usize,
    state: Mutex<State>,
    done: Condvar,
}

#[derive(Default)]
struct State {
    pending: Option<Manifest>,
    failure: Option<TrainError>,
}

impl SetWriter {
    pub(crate) fn new(folder: CheckpointFolder, keep_last: usize) -> Arc<Self> {
        Arc::new(Self { folder, keep_last, state: Mutex::default(), done: Condvar::new() })
    }

    /// Announces the set that the three parts will fill, once the one before is written, and writes
    /// the files that are no part of burn-train's.
    pub(crate) fn begin(
        &self,
        mut manifest: Manifest,
        files: &[(&str, Vec<u8>)],
    ) -> Result<(), TrainError> {
        self.wait();
        self.check()?;
        let partial = self.folder.partial(manifest.step);
        if partial.exists() {
            fs_err::remove_dir_all(&partial)?;
        }
        fs_err::create_dir_all(&partial)?;
        for (file, bytes) in files {
            write_synced(&partial.join(file), bytes)?;
            manifest.sha256.insert((*file).to_owned(), sha256_hex(bytes));
        }
        self.lock().pending = Some(manifest);
        Ok(())
    }

    /// Waits until the set that was announced is written, or given up.
    pub(crate) fn wait(&self) {
        drop(self.done.wait_while(self.lock(), |state| state.pending.is_some()));
    }

    /// The error of a set that could not be written.
    pub(crate) fn check(&self) -> Result<(), TrainError> {
        self.lock().failure.take().map_or(Ok(()), Err)
    }

    /// The three checkpointers that burn-train drives: model, optimiser, schedule.
    pub(crate) fn parts(self: &Arc<Self>) -> [Part; 3] {
        PARTS.map(|file| Part { writer: self.clone(), file })
    }

    fn finish_part(&self, file: &str, bytes: &[u8]) -> Result<(), TrainError> {
        // Given up already, by another part that failed.
        let Some(step) = self.lock().pending.as_ref().map(|manifest| manifest.step) else {
            return Ok(());
        };
        write_synced(&self.folder.partial(step).join(file), bytes)?;

        let mut state = self.lock();
        let Some(manifest) = state.pending.as_mut() else { return Ok(()) };
        manifest.sha256.insert(file.to_owned(), sha256_hex(bytes));
        if !PARTS.iter().all(|part| manifest.sha256.contains_key(*part)) {
            return Ok(());
        }
        let json = serde_json::to_vec_pretty(manifest).map_err(std::io::Error::other)?;
        write_synced(&self.folder.partial(step).join(MANIFEST_FILE), &json)?;
        let complete = self.folder.set(step);
        if complete.exists() {
            fs_err::remove_dir_all(&complete)?;
        }
        sync_folder(&self.folder.partial(step))?;
        fs_err::rename(self.folder.partial(step), complete)?;
        // Before the older sets go, the new one's name must be on the disk.
        sync_folder(&self.folder.path)?;
        state.pending = None;
        self.done.notify_all();
        self.folder.prune(self.keep_last)
    }

    /// Leaves the set and frees its space, which a full disk needs.
    fn give_up(&self, error: TrainError) {
        let mut state = self.lock();
        if let Some(manifest) = state.pending.take() {
            // The error that is reported is the first one.
            let _ = fs_err::remove_dir_all(self.folder.partial(manifest.step));
        }
        state.failure.get_or_insert(error);
        self.done.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
        let bytes = record.checkpoint_into_bytes();
        let bytes = bytes.map_err(|error| TrainError::Learner(error.to_string()));
        let finished = bytes.and_then(|bytes| self.writer.finish_part(self.file, &bytes));
        // Whatever failed: who waits for this set must hear of it.
        finished.map_err(|error| {
            let message = error.to_string();
            self.writer.give_up(error);
            CheckpointerError::Unknown(message)
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

#[cfg(test)]
mod tests;
