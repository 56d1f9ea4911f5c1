//! A set's weights, moments and schedule, given to a learner.

use std::path::{Path, PathBuf};

use burn::train::Learner;
use burn::train::checkpoint::{Checkpoint, CheckpointerError};
use minigpt_files::{caught, excerpt};

use super::PARTS;
use crate::error::TrainError;
use crate::optim::trainee::Trainee;

/// Loads the parts in the folder `set`, whose checksums were found right.
///
/// # Errors
/// [`TrainError::Damaged`] where a part is not what burn writes, or not of this model: burn panics there;
/// [`TrainError::Pruned`] where the set is only for writing.
pub(crate) fn restore(learner: &mut Learner<Trainee>, set: &Path) -> Result<(), TrainError> {
    let [model, optimizer, schedule] = PARTS.map(|file| set.join(file));
    if !optimizer.exists() {
        return Err(TrainError::Pruned { path: set.to_owned() });
    }
    restore_part(model, |path| Checkpoint::load(path).map(|record| learner.load_model(record)))?;
    restore_part(optimizer, |path| {
        Checkpoint::load(path).map(|record| learner.load_optim(record))
    })?;
    restore_part(schedule, |path| {
        Checkpoint::load(path).map(|record| learner.load_scheduler(record))
    })
}

fn restore_part(
    path: PathBuf,
    load: impl FnOnce(PathBuf) -> Result<(), CheckpointerError>,
) -> Result<(), TrainError> {
    let loaded = caught(|| load(path.clone()));
    let loaded = loaded.and_then(|loaded| loaded.map_err(|error| error.to_string()));
    loaded.map_err(|reason| TrainError::Damaged { path, reason: excerpt(&reason) })
}
