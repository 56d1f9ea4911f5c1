//! What `minigpt eval` and `finetune` measured of a run: the main figures of each file in its `evaluation`.

use std::path::Path;

use minigpt_files::{Limit, excerpt, read};
use minigpt_train::RunFolder;
use serde::Serialize;
use serde_json::{Map, Value};

/// An evaluation of a long context has some hundred kilobytes.
const FILE: Limit = Limit::new(4 << 20, "an evaluation that is looked at");

/// Evaluations of a run that are read.
const FILES: usize = 32;

/// The main figures of one evaluation.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Evaluated {
    /// The file's name without its ending.
    pub(crate) name: String,
    /// What was measured, as the file words it.
    pub(crate) description: Option<String>,
    pub(crate) figures: Vec<Figure>,
}

/// A figure, and its interval of 95 % where it has one.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
}

/// The evaluations of a run by name. `problems` hears of files that cannot be read.
pub(crate) fn evaluations(run: &RunFolder, problems: &mut Vec<String>) -> Vec<Evaluated> {
    // A run that was not evaluated has no such folder.
    let Ok(entries) = fs_err::read_dir(run.path().join("evaluation")) else { return Vec::new() };
    let is_file = |entry: &fs_err::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_file());
    let entries = entries.flatten().filter(is_file).map(|entry| entry.path());
    let mut paths: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|ending| ending == "json")).collect();
    paths.sort();
    if paths.len() > FILES {
        problems.push(format!("evaluation has {} files: the first {FILES} are shown", paths.len()));
        paths.truncate(FILES);
    }
    let mut evaluated = Vec::new();
    for path in paths {
        match evaluation(&path) {
            Ok(evaluation) => evaluated.push(evaluation),
            Err(reason) => problems.push(reason),
        }
    }
    evaluated
}

fn evaluation(path: &Path) -> Result<Evaluated, String> {
    let bytes = read(path, FILE).map_err(|error| error.to_string())?;
    let content: Map<String, Value> = serde_json::from_slice(&bytes).map_err(|error| {
        format!("{} is damaged: {}", path.display(), excerpt(&error.to_string()))
    })?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let description = content.get("description").and_then(Value::as_str).map(str::to_owned);
    let figures = content.iter().filter_map(|(name, value)| figure(name, value)).collect();
    Ok(Evaluated { name, description, figures })
}

/// A number, or an object with one as its `value`; lists and texts are no figures.
fn figure(name: &str, value: &Value) -> Option<Figure> {
    let name = name.to_owned();
    if let Some(value) = value.as_f64() {
        return Some(Figure { name, value, low: None, high: None });
    }
    let part = |part: &str| value.get(part).and_then(Value::as_f64);
    Some(Figure { name, value: part("value")?, low: part("low"), high: part("high") })
}

#[cfg(test)]
mod tests;
