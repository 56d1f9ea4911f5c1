//! The folder of a run that goes on from a checkpoint of another's, with its history.

use std::io::ErrorKind;

use minigpt_files::{Limit, read};

use super::models::{BASE_FILE, EARLIER_BASE_FILE};
use super::repair::{SAMPLES, samples_until};
use super::tensorboard::EventWriter;
use super::{CHECKPOINTS, Environment, LOCK_FILE, REFERENCES_FILE, RunFolder, write_json};
use crate::config::RunConfig;
use crate::error::TrainError;
use crate::run::checkpoint::CheckpointManifest;
use crate::run::metrics::{read_rows, to_csv};

/// What a run keeps of its beginning, where it has it.
const OF_BEGINNING: [&str; 2] = ["generation_config.json", "start.json"];

/// Those that may be large, as the weights that an adapter is trained beside.
const LARGE: [&str; 3] = [BASE_FILE, EARLIER_BASE_FILE, REFERENCES_FILE];

/// All that stands in the folder of a branch before it is a run, but for its checkpoints and events.
const OF_BRANCH: [&str; 11] = [
    BASE_FILE,
    EARLIER_BASE_FILE,
    "config.json",
    "environment.json",
    "generation_config.json",
    "metrics.csv",
    REFERENCES_FILE,
    "samples.md",
    "start.json",
    "tokenizer.json",
    LOCK_FILE,
];

/// One has some kilobytes.
const SMALL: Limit = Limit::new(16 << 20, "a file of a run's beginning");

impl RunFolder {
    /// Makes this new folder a run that goes on from `set` of `other`: its tokenizer, rows, samples and events
    /// up to there, the set itself, and the best one before it, so that the best of all is here. `other` stays
    /// as it is.
    ///
    /// # Errors
    /// [`TrainError::Io`] or [`TrainError::Damaged`].
    pub(crate) fn write_branch(
        &self,
        other: &Self,
        set: &CheckpointManifest,
        config: &RunConfig,
        environment: &Environment,
    ) -> Result<(), TrainError> {
        other.base_of(set)?;
        self.copy_history(other, set.step)?;
        let (sets, copies) = (other.checkpoints(), self.checkpoints());
        copies.copy(&sets, set)?;
        if let Some(best) = sets.best_until(set.step)?.filter(|best| best.step != set.step) {
            copies.copy(&sets, &best)?;
        }
        write_json(&self.environment_path(), environment)?;
        // Last, because its presence makes the folder a run.
        write_json(&self.config_path(), config)
    }

    /// Removes what [`write_branch`](Self::write_branch) wrote before it failed, as on a full disk, and the folder
    /// where nothing else is in it. What cannot be removed stays: why the run did not begin is told already.
    pub(crate) fn forget_branch(&self) {
        let _ = self.clear_beginning();
        for file in OF_BRANCH {
            let _ = fs_err::remove_file(self.path.join(file));
        }
        for folder in [CHECKPOINTS, "plots", ""] {
            let _ = fs_err::remove_dir(self.path.join(folder));
        }
    }

    /// Files that are missing or damaged are left out as far as they are: they are not what a run goes on from.
    fn copy_history(&self, other: &Self, step: usize) -> Result<(), TrainError> {
        minigpt_files::write(&self.tokenizer_path(), other.tokenizer_file()?)?;
        for file in OF_BEGINNING {
            match read(&other.path.join(file), SMALL) {
                Ok(bytes) => minigpt_files::write(&self.path.join(file), bytes)?,
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        for file in LARGE {
            let (from, to) = (other.path.join(file), self.path.join(file));
            if from.exists() {
                let mut from = minigpt_files::open(&from)?;
                minigpt_files::write_with(&to, |to| std::io::copy(&mut from, to).map(drop))?;
            }
        }
        let (mut rows, _) = read_rows(&other.metrics_path()).unwrap_or_default();
        rows.retain(|row| row.step <= step);
        minigpt_files::write(&self.metrics_path(), to_csv(&rows)?)?;
        let mut events = EventWriter::create(&self.path, 0)?;
        rows.iter().try_for_each(|row| events.write(row))?;
        if let Ok(samples) = minigpt_files::read_text(&other.samples_path(), SAMPLES) {
            minigpt_files::write(&self.samples_path(), samples_until(&samples, step))?;
        }
        Ok(())
    }
}
