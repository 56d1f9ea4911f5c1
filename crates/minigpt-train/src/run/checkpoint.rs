//! Checkpoints: model, optimiser and schedule as one atomic set with a manifest.
//!
//! A set is written as `step-N.partial` and renamed to `step-N` when it is whole: a folder without the
//! suffix is complete. One that a resumed run could not read becomes `step-N.damaged` and is never
//! looked at again. Of these folders only files with the names below are ever removed; whatever else
//! is found in or beside them is set aside or left.

mod copy;
mod restore;
mod spare;
mod unfinished;
mod writer;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use minigpt_eval::Evaluation;
use minigpt_files::{Limit, excerpt, is_file_name, sha256_file};
use minigpt_model::GptConfig;
use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::optim::loss_scale::LossScale;
use crate::run::aside::{OnRepair, set_aside};

pub(crate) use restore::restore;
pub(crate) use spare::Spare;
pub(crate) use writer::{AlwaysSave, SetWriter};

/// File of the model's weights in a set.
pub(crate) const MODEL_FILE: &str = "model.bpk";
/// File of the weights' moving average in a set, where the run keeps one.
pub(crate) const AVERAGE_FILE: &str = "average.bpk";
pub(crate) const TOKENIZER_FILE: &str = "tokenizer.json";
/// The optimiser's moments, which a set that is only written with may lack.
const OPTIMIZER_FILE: &str = "optimizer.bpk";
const SCHEDULE_FILE: &str = "schedule.bpk";
const PARTS: [&str; 3] = [MODEL_FILE, OPTIMIZER_FILE, SCHEDULE_FILE];
const MANIFEST_FILE: &str = "manifest.json";
/// All that a set holds.
const FILES: [&str; 6] =
    [MODEL_FILE, OPTIMIZER_FILE, SCHEDULE_FILE, AVERAGE_FILE, TOKENIZER_FILE, MANIFEST_FILE];

/// One has some kilobytes.
const MANIFEST: Limit = Limit::new(1 << 20, "the manifest of a checkpoint");

/// Raised when a set's files change their meaning.
const FORMAT: u32 = 2;

/// What a checkpoint holds and where in the run it was taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointManifest {
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
    pub(crate) loss_scale: Option<LossScale>,
    /// SHA-256 of the training tokens, in hexadecimal.
    pub data_sha256: String,
    /// SHA-256 of the tokenizer, in hexadecimal.
    pub tokenizer_sha256: String,
    /// SHA-256 of each file, in hexadecimal.
    pub sha256: BTreeMap<String, String>,
}

impl CheckpointManifest {
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

    /// Whether a run can go on from it.
    pub(crate) fn has_optimizer(&self) -> bool {
        self.sha256.contains_key(OPTIMIZER_FILE)
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
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The manifests of all complete sets, oldest first.
    ///
    /// # Errors
    /// [`TrainError::Io`] where the folder cannot be listed.
    pub(crate) fn manifests(
        &self,
        damaged: OnDamage<'_>,
    ) -> Result<Vec<CheckpointManifest>, TrainError> {
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
    pub(crate) fn best(
        &self,
        damaged: OnDamage<'_>,
    ) -> Result<Option<CheckpointManifest>, TrainError> {
        let mut manifests = self.manifests(damaged)?;
        manifests.reverse();
        manifests.sort_by(|a, b| a.validation_loss().total_cmp(&b.validation_loss()));
        Ok(self.first_intact(manifests, damaged))
    }

    /// The newest intact set from which a run can go on.
    ///
    /// # Errors
    /// [`TrainError::Io`] where the folder cannot be listed.
    pub fn last(&self, damaged: OnDamage<'_>) -> Result<Option<CheckpointManifest>, TrainError> {
        let mut manifests = self.manifests(damaged)?;
        manifests.retain(CheckpointManifest::has_optimizer);
        manifests.reverse();
        Ok(self.first_intact(manifests, damaged))
    }

    /// The set taken at `step`.
    ///
    /// # Errors
    /// [`TrainError::Io`] or [`TrainError::Damaged`].
    pub(crate) fn intact(&self, step: usize) -> Result<CheckpointManifest, TrainError> {
        let manifest = read_manifest(&self.set(step).join(MANIFEST_FILE), step)?;
        verify(&self.set(step), &manifest)?;
        Ok(manifest)
    }

    fn first_intact(
        &self,
        manifests: Vec<CheckpointManifest>,
        damaged: OnDamage<'_>,
    ) -> Option<CheckpointManifest> {
        manifests.into_iter().find(|manifest| match verify(&self.set(manifest.step), manifest) {
            Ok(()) => true,
            Err(error) => {
                damaged(error);
                false
            }
        })
    }

    /// True where no set was ever completed.
    pub(crate) fn is_empty(&self) -> Result<bool, TrainError> {
        Ok(self.steps()?.is_empty())
    }

    /// Sets aside the sets taken after `step`, the newest that can be read: they may be good for
    /// another version of minigpt, or be mended. Removes what was left half-written, and sets aside
    /// whatever else has a name like a set's, of which `repaired` hears.
    pub(crate) fn set_aside_after(
        &self,
        step: usize,
        repaired: OnRepair<'_>,
    ) -> Result<(), TrainError> {
        for name in self.names()? {
            let path = self.path.join(&name);
            match Entry::of(&name) {
                Entry::Set(later) if later > step => drop(set_aside(&path)?),
                Entry::Set(_) | Entry::Other => {}
                Entry::HalfWritten => {
                    if let Some(aside) = remove_set(&path)? {
                        repaired(format!(
                            "{} is not a half-written checkpoint: set aside as {aside}",
                            path.display()
                        ));
                    }
                }
                Entry::Stray => {
                    let aside = set_aside(&path)?;
                    repaired(format!(
                        "{} is not the name of a checkpoint: set aside as {aside}",
                        path.display()
                    ));
                }
            }
        }
        Ok(())
    }

    /// The names in the folder that could be ours, in order.
    fn names(&self) -> Result<Vec<String>, TrainError> {
        let mut names = Vec::new();
        if self.path.exists() {
            for entry in fs_err::read_dir(&self.path)? {
                names.extend(entry?.file_name().into_string().ok());
            }
        }
        names.sort();
        Ok(names)
    }

    /// The path of one file of a set, after a check against the manifest's checksum.
    ///
    /// # Errors
    /// [`TrainError::Io`], or [`TrainError::Damaged`] where the checksum differs.
    pub(crate) fn verified_file(
        &self,
        manifest: &CheckpointManifest,
        file: &str,
    ) -> Result<PathBuf, TrainError> {
        verified_file(&self.set(manifest.step), manifest, file)
    }

    /// The folder of the set taken at `step`.
    pub(crate) fn set(&self, step: usize) -> PathBuf {
        self.path.join(set_name(step))
    }

    fn partial(&self, step: usize) -> PathBuf {
        self.path.join(set_name(step) + PARTIAL)
    }

    /// The steps that complete sets are named for, in order.
    pub(crate) fn steps(&self) -> Result<Vec<usize>, TrainError> {
        let mut steps: Vec<usize> = self.names()?.iter().filter_map(|name| step_of(name)).collect();
        steps.sort_unstable();
        Ok(steps)
    }

    /// Removes all sets but the best, the `keep_last` newest and that of `keep_step`; those it cannot
    /// read stay.
    fn prune(&self, keep_last: usize, keep_step: Option<usize>) -> Result<(), TrainError> {
        let manifests = self.manifests(&mut |_| ())?;
        let by_loss = |a: &&CheckpointManifest, b: &&CheckpointManifest| {
            a.validation_loss().total_cmp(&b.validation_loss())
        };
        let validated = manifests.iter().filter(|manifest| manifest.validation.is_some());
        let best = validated.min_by(by_loss).map(|manifest| manifest.step);
        let old = manifests.len().saturating_sub(keep_last);
        let kept = [best, keep_step];
        for manifest in manifests[..old].iter().filter(|set| !kept.contains(&Some(set.step))) {
            remove_set(&self.set(manifest.step))?;
        }
        Ok(())
    }
}

/// Begins the name of a set.
const STEP: &str = "step-";

/// End of the name of a set that is being written.
const PARTIAL: &str = ".partial";

/// In the name of what was set aside.
const DAMAGED: &str = ".damaged";

/// The name of the set taken at `step`.
fn set_name(step: usize) -> String {
    format!("{STEP}{step:06}")
}

/// What a name in the folder is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    /// The set taken at this step.
    Set(usize),
    /// A set that was being written.
    HalfWritten,
    /// Like a set's, and not one that is given here.
    Stray,
    /// Set aside before, or nothing of ours.
    Other,
}

impl Entry {
    fn of(name: &str) -> Self {
        let Some(rest) = name.strip_prefix(STEP) else { return Self::Other };
        let written = rest.strip_suffix(PARTIAL);
        let step = written.unwrap_or(rest).parse::<usize>();
        match step.ok().filter(|step| name.starts_with(&set_name(*step))) {
            Some(_) if written.is_some() => Self::HalfWritten,
            Some(step) => Self::Set(step),
            None if rest.contains(DAMAGED) => Self::Other,
            None => Self::Stray,
        }
    }
}

/// The step that the folder `name` of a complete set is named for.
pub(super) fn step_of(name: &str) -> Option<usize> {
    match Entry::of(name) {
        Entry::Set(step) => Some(step),
        _ => None,
    }
}

/// Removes the files of a set, and its folder. Where anything else is in it, or in its place, that is
/// set aside instead, under the name that is given back.
fn remove_set(path: &Path) -> Result<Option<String>, TrainError> {
    if fs_err::symlink_metadata(path)?.is_dir() {
        for file in FILES {
            match fs_err::remove_file(path.join(file)) {
                // What is a folder will be set aside.
                Err(error) if error.kind() != ErrorKind::NotFound && !path.join(file).is_dir() => {
                    return Err(error.into());
                }
                _ => {}
            }
        }
        if fs_err::remove_dir(path).is_ok() {
            return Ok(None);
        }
    }
    Ok(Some(set_aside(path)?))
}

/// Holds every file of a set against its checksum.
fn verify(set: &Path, manifest: &CheckpointManifest) -> Result<(), TrainError> {
    manifest.sha256.keys().try_for_each(|file| verified_file(set, manifest, file).map(drop))
}

fn verified_file(
    set: &Path,
    manifest: &CheckpointManifest,
    file: &str,
) -> Result<PathBuf, TrainError> {
    let path = set.join(file);
    let found = sha256_file(&path)?;
    if manifest.sha256.get(file) != Some(&found) {
        let reason = format!("its SHA-256 is {found}, which is not the manifest's");
        return Err(TrainError::Damaged { path, reason });
    }
    Ok(path)
}

/// The manifest of the set taken at `step`.
fn read_manifest(path: &Path, step: usize) -> Result<CheckpointManifest, TrainError> {
    let damaged =
        |reason: String| TrainError::Damaged { path: path.to_owned(), reason: excerpt(&reason) };
    let json: serde_json::Value = serde_json::from_slice(&minigpt_files::read(path, MANIFEST)?)
        .map_err(|error| damaged(error.to_string()))?;
    if json["format"] != FORMAT {
        let found = &json["format"];
        return Err(damaged(format!(
            "its format is {found} and this minigpt reads {FORMAT}: use the version that wrote it"
        )));
    }
    let manifest: CheckpointManifest =
        serde_json::from_value(json).map_err(|error| damaged(error.to_string()))?;
    if manifest.step != step {
        return Err(damaged(format!("it is of step {}, not of {step}", manifest.step)));
    }
    // Whoever reads a shape may count and multiply its sizes.
    manifest.model.validate().map_err(|error| damaged(error.to_string()))?;
    if let Some(name) = manifest.sha256.keys().find(|name| !is_file_name(name)) {
        return Err(damaged(format!("it lists {name:?}; expected the name of a file beside it")));
    }
    let needed = [MODEL_FILE, SCHEDULE_FILE];
    match needed.iter().find(|part| !manifest.sha256.contains_key(**part)) {
        Some(part) => Err(damaged(format!("it does not list {part}"))),
        None => Ok(manifest),
    }
}

#[cfg(test)]
mod tests;
