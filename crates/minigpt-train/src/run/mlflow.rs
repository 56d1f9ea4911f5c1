//! A run as MLflow's file store has it.
//!
//! ```text
//! <store>/<experiment id>/meta.yaml
//! <store>/<experiment id>/<run id>/
//!   meta.yaml               name, state, when it began and ended
//!   params/model.n_layer    a file for each setting: its value
//!   metrics/train/loss      a file for each quantity: lines of milliseconds, value, step
//!   tags/mlflow.runName     a file for each tag
//!   artifacts/              pictures, samples, configuration, evaluations
//! ```
//!
//! The layout is that of [`FileStore`](https://github.com/mlflow/mlflow/blob/master/mlflow/store/tracking/file_store.py).
//! Names of quantities are those of TensorBoard's file. Ids follow from what they are of, so that a run that is
//! exported again, as it may be while it trains, takes the place of what was there.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use minigpt_files::{Limit, read, read_text, sha256, size_below};
use serde_json::Value;

use super::command::command_line;
use super::found::FoundRun;
use super::overview::{began, changed};
use super::summary::End;
use super::timed::{TimedRows, milliseconds};
use super::watch::RunState;
use super::{RunFolder, tensorboard};
use crate::config::RunConfig;
use crate::error::TrainError;

/// Characters of a parameter's value that MLflow takes.
const VALUE: usize = 6000;

/// Of an experiment or run, a description has some hundred bytes.
const META: Limit = Limit::new(1 << 20, "the description of an MLflow experiment");

/// Files of a run that are kept beside its figures; weights stay where they are.
const FILES: [&str; 4] = ["config.json", "environment.json", "summary.json", "samples.md"];

/// Folders of a run of which files are kept, and how these end.
const FOLDERS: [(&str, &[&str]); 2] =
    [("plots", &["png", "svg"]), ("evaluation", &["json", "png", "svg"])];

/// A file that is kept has some hundred kilobytes.
const ARTIFACT: Limit = Limit::new(64 << 20, "a file that MLflow is given");

/// A folder that MLflow calls a file store.
#[derive(Clone, Debug)]
pub struct MlflowStore {
    path: PathBuf,
}

/// Where a run is in a store.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct MlflowRun {
    /// The folder that it lies in.
    pub path: PathBuf,
    /// The experiment that it is of.
    pub experiment_id: String,
    /// Its own id.
    pub run_id: String,
}

impl MlflowStore {
    /// The store in `path`, which is made where it is missing.
    ///
    /// # Errors
    /// [`TrainError::Io`] where it cannot be made.
    pub fn open(path: &Path) -> Result<Self, TrainError> {
        fs_err::create_dir_all(path)?;
        // Artifacts are named by where they lie.
        Ok(Self { path: fs_err::canonicalize(path)? })
    }

    /// Writes a run into the experiment of this name, which is made where it is missing, in place of what is there of
    /// the same run.
    ///
    /// # Errors
    /// [`TrainError::Io`], and what reading the run gives: its configuration must be whole.
    pub fn write(&self, run: &FoundRun, experiment: &str) -> Result<MlflowRun, TrainError> {
        let folder = run.folder()?;
        let config = folder.config()?;
        let rows = TimedRows::read(run, &folder, &config)?;
        let began = milliseconds(began(run));
        let experiment_id = self.experiment(experiment, began)?;
        let run_id = run_id(run)?;
        let path = self.path.join(&experiment_id).join(&run_id);

        write_all(&path.join("params"), &params(&config))?;
        write_all(&path.join("metrics"), &metrics(&rows))?;
        write_all(&path.join("tags"), &tags(run, &folder))?;
        copy_files(run.path(), &path.join("artifacts"))?;
        // Last: with it MLflow sees the run.
        let meta = run_meta(run, &folder, &path, &experiment_id, &run_id);
        minigpt_files::write(&path.join("meta.yaml"), meta)?;
        Ok(MlflowRun { path, experiment_id, run_id })
    }

    /// The id of the experiment of this name: of one that is there, or that is made.
    fn experiment(&self, name: &str, began: u64) -> Result<String, TrainError> {
        for entry in fs_err::read_dir(&self.path)?.flatten() {
            let Ok(meta) = read_text(&entry.path().join("meta.yaml"), META) else { continue };
            if scalar(&meta, "name").as_deref() == Some(name)
                && let Some(id) = scalar(&meta, "experiment_id")
                && entry.file_name().to_str() == Some(&id)
            {
                return Ok(id);
            }
        }
        let id = experiment_id(name);
        let path = self.path.join(&id);
        fs_err::create_dir_all(&path)?;
        let meta = yaml(&[
            ("artifact_location", text(&address(&path))),
            ("creation_time", began.to_string()),
            ("experiment_id", text(&id)),
            ("last_update_time", began.to_string()),
            ("lifecycle_stage", "active".to_owned()),
            ("name", text(name)),
        ]);
        minigpt_files::write(&path.join("meta.yaml"), meta)?;
        Ok(id)
    }
}

/// Eighteen digits, as MLflow's own have.
fn experiment_id(name: &str) -> String {
    let digits = sha256(format!("minigpt experiment {name}"));
    let number = u64::from_str_radix(&digits[..15], 16).unwrap_or_default();
    (100_000_000_000_000_000 + number % 900_000_000_000_000_000).to_string()
}

/// Thirty-two hexadecimal digits: the same for a run that lies where it lay and began when it did.
fn run_id(run: &FoundRun) -> Result<String, TrainError> {
    let path = fs_err::canonicalize(run.path())?;
    let began = began(run).and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let what = format!("minigpt run {} {:?}", path.display(), began.unwrap_or_default());
    Ok(sha256(what)[..32].to_owned())
}

fn run_meta(
    run: &FoundRun,
    folder: &RunFolder,
    path: &Path,
    experiment_id: &str,
    run_id: &str,
) -> String {
    // MLflow's numbers of states: running, finished and killed.
    let (status, has_ended) = match folder.state() {
        RunState::Training => (1, false),
        RunState::Finished => (3, true),
        // It ended as it was asked to, and was not killed.
        RunState::Interrupted if ran_out_of_time(folder) => (3, true),
        RunState::Interrupted | RunState::Damaged => (5, true),
    };
    let end = has_ended.then(|| milliseconds(changed(run)).to_string());
    yaml(&[
        ("artifact_uri", text(&address(&path.join("artifacts")))),
        ("end_time", end.unwrap_or_else(|| "null".to_owned())),
        ("entry_point_name", text("")),
        ("experiment_id", text(experiment_id)),
        ("lifecycle_stage", "active".to_owned()),
        ("run_id", text(run_id)),
        ("run_name", text(run.name())),
        ("source_name", text("")),
        ("source_type", "4".to_owned()),
        ("source_version", text("")),
        ("start_time", milliseconds(began(run)).to_string()),
        ("status", status.to_string()),
        ("tags", "[]".to_owned()),
        ("user_id", text("minigpt")),
    ])
}

fn ran_out_of_time(folder: &RunFolder) -> bool {
    let summary = folder.summary().ok().flatten();
    summary.is_some_and(|summary| summary.end == End::OutOfTime)
}

fn tags(run: &FoundRun, folder: &RunFolder) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::new();
    let mut add = |name: &str, value: String| drop(tags.insert(name.to_owned(), value));
    add("mlflow.runName", run.name().to_owned());
    add("mlflow.user", "minigpt".to_owned());
    add("mlflow.source.type", "LOCAL".to_owned());
    let state = serde_json::to_value(folder.state()).unwrap_or_default();
    add("minigpt.state", state.as_str().unwrap_or_default().to_owned());
    if let Ok(environment) = folder.environment() {
        add("mlflow.source.name", command_line(&environment.command).unwrap_or_default());
        add("minigpt.version", environment.minigpt);
        add("minigpt.device", environment.device);
        add("minigpt.platform", environment.platform);
        if let Some(revision) = environment.git_revision {
            add("mlflow.source.git.commit", revision);
        }
    }
    tags
}

/// Lines of milliseconds since 1970, value and step for each quantity.
fn metrics(timed: &TimedRows) -> BTreeMap<String, String> {
    let mut metrics = BTreeMap::<String, String>::new();
    for row in &timed.rows {
        let time = timed.time(row);
        for (name, value) in tensorboard::scalars(row) {
            let lines = metrics.entry(name).or_default();
            // Python's words for what is no number.
            let value = match value {
                value if value.is_nan() => "nan".to_owned(),
                value => value.to_string(),
            };
            let _ = writeln!(lines, "{time} {value} {}", row.step);
        }
    }
    metrics
}

/// Each setting by its path, as `model.n_layer`; a list is one value.
fn params(config: &RunConfig) -> BTreeMap<String, String> {
    let in_words = |value: Value| match value {
        Value::String(text) => shortened(&text),
        other => shortened(&other.to_string()),
    };
    config.settings().into_iter().map(|(name, value)| (name, in_words(value))).collect()
}

fn shortened(value: &str) -> String {
    value.chars().take(VALUE).collect()
}

/// Writes a file for each name, whose parts between slashes are folders.
fn write_all(folder: &Path, contents: &BTreeMap<String, String>) -> Result<(), TrainError> {
    fs_err::create_dir_all(folder)?;
    for (name, content) in contents {
        let path = folder.join(name);
        // What has not changed since the last time is left, which saves a disk's time.
        let limit = Limit::new(content.len() as u64, "what is there");
        if read(&path, limit).is_ok_and(|there| there == content.as_bytes()) {
            continue;
        }
        if let Some(parent) = path.parent() {
            fs_err::create_dir_all(parent)?;
        }
        minigpt_files::write(&path, content)?;
    }
    Ok(())
}

fn copy_files(run: &Path, artifacts: &Path) -> Result<(), TrainError> {
    fs_err::create_dir_all(artifacts)?;
    let mut names: Vec<PathBuf> = FILES.iter().map(PathBuf::from).collect();
    for (folder, endings) in FOLDERS {
        let Ok(entries) = fs_err::read_dir(run.join(folder)) else { continue };
        let names_there = entries.flatten().map(|entry| Path::new(folder).join(entry.file_name()));
        names.extend(names_there.filter(|name| {
            name.extension().is_some_and(|ending| endings.iter().any(|known| ending == *known))
        }));
    }
    for name in names {
        let path = run.join(&name);
        // A run that has just begun has few of them; links may lead to anybody's file.
        if !path.symlink_metadata().is_ok_and(|found| found.is_file()) {
            continue;
        }
        if size_below(&path, 1)?.bytes > ARTIFACT.bytes() {
            continue;
        }
        let to = artifacts.join(&name);
        if let Some(parent) = to.parent() {
            fs_err::create_dir_all(parent)?;
        }
        minigpt_files::write(&to, read(&path, ARTIFACT)?)?;
    }
    Ok(())
}

/// A path as a `file:` address.
fn address(path: &Path) -> String {
    let path = path.to_string_lossy().replace('\\', "/");
    // Windows' long form, and its drives.
    let path = path.strip_prefix("//?/").unwrap_or(&path);
    let mut address = String::from(if path.starts_with('/') { "file://" } else { "file:///" });
    for byte in path.bytes() {
        match byte {
            b'/' | b':' | b'-' | b'.' | b'_' | b'~' => address.push(byte.into()),
            byte if byte.is_ascii_alphanumeric() => address.push(byte.into()),
            byte => drop(write!(address, "%{byte:02X}")),
        }
    }
    address
}

fn yaml(fields: &[(&str, String)]) -> String {
    fields.iter().map(|(name, value)| format!("{name}: {value}\n")).collect()
}

/// A text as YAML has it, of which JSON is a part.
fn text(text: &str) -> String {
    Value::from(text).to_string()
}

/// The value of a field on a line of its own, as YAML's writers put short texts: plain, or between single or double
/// quotes.
fn scalar(yaml: &str, name: &str) -> Option<String> {
    let of_line =
        |line: &str| line.strip_prefix(name)?.strip_prefix(':').map(str::trim).map(str::to_owned);
    let value = yaml.lines().find_map(of_line)?;
    if let Some(quoted) = value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        return Some(quoted.replace("''", "'"));
    }
    if value.starts_with('"') {
        return serde_json::from_str(&value).ok();
    }
    Some(value)
}

#[cfg(test)]
mod tests;
