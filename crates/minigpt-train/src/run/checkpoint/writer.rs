//! Writing a set: burn-train saves its three parts on three threads. Each part goes into
//! `step-N.partial`; the thread that writes the last one adds the manifest, syncs, and renames the
//! folder to `step-N`.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use burn::train::checkpoint::{
    Checkpoint, Checkpointer, CheckpointerError, CheckpointingAction, CheckpointingStrategy,
};
use burn::train::metric::store::EventStoreClient;
use minigpt_files::{sha256, sync_folder};

use super::{CheckpointFolder, CheckpointManifest, MANIFEST_FILE, PARTS, remove_set};
use crate::error::TrainError;

/// A set that is being written: which parts are done, and what its manifest will say.
pub(crate) struct SetWriter {
    folder: CheckpointFolder,
    keep_last: usize,
    /// The step of a set that is never removed.
    keep_step: Option<usize>,
    state: Mutex<State>,
    done: Condvar,
}

#[derive(Default)]
struct State {
    pending: Option<CheckpointManifest>,
    failure: Option<TrainError>,
}

impl SetWriter {
    /// Keeps the best set, the `keep_last` newest and that of `keep_step`.
    pub(crate) fn new(
        folder: CheckpointFolder,
        keep_last: usize,
        keep_step: Option<usize>,
    ) -> Arc<Self> {
        let (state, done) = (Mutex::default(), Condvar::new());
        Arc::new(Self { folder, keep_last, keep_step, state, done })
    }

    /// Announces the set that the three parts will fill, once the one before is written, and writes
    /// the files that are no part of burn-train's.
    pub(crate) fn begin(
        &self,
        mut manifest: CheckpointManifest,
        files: &[(&str, Vec<u8>)],
    ) -> Result<(), TrainError> {
        self.wait();
        self.check()?;
        let partial = self.folder.partial(manifest.step);
        if partial.exists() {
            remove_set(&partial)?;
        }
        fs_err::create_dir_all(&self.folder.path)?;
        fs_err::create_dir(&partial)?;
        for (file, bytes) in files {
            write_new(&partial.join(file), bytes)?;
            manifest.sha256.insert((*file).to_owned(), sha256(bytes));
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
    pub(crate) fn parts(self: &Arc<Self>) -> [SetFile; 3] {
        PARTS.map(|file| SetFile { writer: self.clone(), file })
    }

    fn finish_part(&self, file: &str, bytes: &[u8]) -> Result<(), TrainError> {
        // Given up already, by another part that failed.
        let Some(step) = self.lock().pending.as_ref().map(|manifest| manifest.step) else {
            return Ok(());
        };
        write_new(&self.folder.partial(step).join(file), bytes)?;

        let mut state = self.lock();
        let Some(manifest) = state.pending.as_mut() else { return Ok(()) };
        manifest.sha256.insert(file.to_owned(), sha256(bytes));
        if !PARTS.iter().all(|part| manifest.sha256.contains_key(*part)) {
            return Ok(());
        }
        let json = serde_json::to_vec_pretty(manifest).map_err(std::io::Error::other)?;
        write_new(&self.folder.partial(step).join(MANIFEST_FILE), &json)?;
        sync_folder(&self.folder.partial(step))?;
        let complete = self.folder.set(step);
        if complete.exists() {
            // From here on the new set stands for the old one, under whichever name.
            remove_set(&complete)?;
        }
        fs_err::rename(self.folder.partial(step), complete)?;
        // Before the older sets go, the new one's name must be on the disk.
        sync_folder(&self.folder.path)?;
        state.pending = None;
        self.done.notify_all();
        self.folder.prune(self.keep_last, self.keep_step)
    }

    /// Leaves the set and frees its space, which a full disk needs.
    fn give_up(&self, error: TrainError) {
        let mut state = self.lock();
        if let Some(manifest) = state.pending.take() {
            // The error that is reported is the first one.
            let _ = remove_set(&self.folder.partial(manifest.step));
        }
        state.failure.get_or_insert(error);
        self.done.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes a file of a set, which gets its name as a whole; what is there already is not ours.
fn write_new(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    let mut file = fs_err::OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    Ok(file.sync_all()?)
}

/// One file of the set.
pub(crate) struct SetFile {
    writer: Arc<SetWriter>,
    file: &'static str,
}

impl<R: Checkpoint> Checkpointer<R> for SetFile {
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
