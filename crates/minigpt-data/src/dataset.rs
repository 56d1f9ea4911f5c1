//! A dataset on the hub: which of its files are which split.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::folder::{Split, check_complete};
use crate::hub::{Hub, Repo, Snapshot, is_repository, is_revision};
use crate::input::{is_data_name, stem};
use crate::{DataError, Documents, Download, Portion, ReadOptions};

/// A dataset on the Hugging Face hub: `owner/name`, then `/config` and `@revision` where they are
/// needed, as in `Salesforce/wikitext/wikitext-2-v1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubDataset {
    /// Owner and name, with a slash between.
    pub repo: String,
    /// Which of the dataset's configurations, that is, folders.
    pub config: Option<String>,
    /// Branch, tag or commit; "main" if there is none.
    pub revision: Option<String>,
}

impl FromStr for HubDataset {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        let (path, revision) = match text.split_once('@') {
            Some((path, revision)) => (path, Some(revision.to_owned())),
            None => (text, None),
        };
        let mut parts = path.split('/').map(str::to_owned);
        let (owner, name, config) = (parts.next(), parts.next(), parts.next());
        let unknown = || DataError::UnknownDataset { given: text.to_owned() };
        let (Some(owner), Some(name), None) = (owner, name, parts.next()) else {
            return Err(unknown());
        };
        let repo = format!("{owner}/{name}");
        let is_sound = is_repository(&repo)
            && config.as_deref() != Some("")
            && revision.as_deref().is_none_or(is_revision);
        is_sound.then_some(Self { repo, config, revision }).ok_or_else(unknown)
    }
}

impl fmt::Display for HubDataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repo)?;
        self.config.iter().try_for_each(|config| write!(f, "/{config}"))?;
        self.revision.iter().try_for_each(|revision| write!(f, "@{revision}"))
    }
}

impl HubDataset {
    /// Downloads what is not in the cache yet.
    pub(crate) fn open(
        &self,
        options: &ReadOptions,
        progress: &mut dyn FnMut(Download),
    ) -> Result<Documents, DataError> {
        let snapshot = options.hub.snapshot(Repo::dataset(self)?)?;
        let splits = self.choose(&snapshot, &TEXTS)?;
        let mut get = |file: &String| snapshot.get(file, progress);
        let mut paths: [Vec<PathBuf>; 3] = Default::default();
        for (paths, files) in paths.iter_mut().zip(&splits) {
            *paths = files.iter().map(&mut get).collect::<Result<_, _>>()?;
        }
        let name = self.config.as_deref().or(self.repo.rsplit('/').next()).unwrap_or_default();
        let label = PathBuf::from(format!("hf:{self}"));
        Ok(Documents::of_files(name.to_owned(), &label, paths, options))
    }

    /// Downloads the files of examples that are not in the cache yet: those for training and for validation.
    pub(crate) fn files_of_records(
        &self,
        options: &ReadOptions,
        progress: &mut dyn FnMut(Download),
    ) -> Result<[Vec<PathBuf>; 2], DataError> {
        let [train, valid, _] = self.records(&options.hub, Portion::Train, progress)?;
        Ok([train, valid])
    }

    /// The files of records of a split, or for training those of training and validation.
    pub(crate) fn records(
        &self,
        hub: &Hub,
        portion: Portion,
        progress: &mut dyn FnMut(Download),
    ) -> Result<[Vec<PathBuf>; 3], DataError> {
        let snapshot = hub.snapshot(Repo::dataset(self)?)?;
        let [train, valid, test] = self.choose(&snapshot, &RECORDS)?;
        // Where none is for training, all are taken for it, as of a set that is a test alone.
        let or_named = |files: Vec<String>, split: Split| match files.is_empty() {
            true => train.iter().filter(|file| split.is_named_by(file)).cloned().collect(),
            false => files,
        };
        let valid = if portion == Portion::Valid { or_named(valid, Split::Valid) } else { valid };
        let test = if portion == Portion::Test { or_named(test, Split::Test) } else { test };
        let splits = [train, valid, test];
        let mut get = |file: &String| snapshot.get(file, progress);
        let wanted = match portion {
            Portion::Train => [true, true, false],
            Portion::Valid => [false, true, false],
            Portion::Test => [false, false, true],
            Portion::All => [true; 3],
        };
        let mut paths: [Vec<PathBuf>; 3] = Default::default();
        for ((paths, files), _) in
            paths.iter_mut().zip(&splits).zip(wanted).filter(|(_, is_wanted)| *is_wanted)
        {
            *paths = files.iter().map(&mut get).collect::<Result<_, _>>()?;
        }
        Ok(paths)
    }

    fn choose(
        &self,
        snapshot: &Snapshot<'_>,
        extensions: &[&str],
    ) -> Result<[Vec<String>; 3], DataError> {
        let splits = split_files(snapshot.files(), self.config.as_deref(), extensions);
        let splits = splits.map_err(|reason| DataError::Hub {
            file: self.to_string(),
            address: snapshot.address(),
            reason,
        })?;
        for files in &splits {
            check_complete(&PathBuf::from(snapshot.address()), files)?;
        }
        Ok(splits)
    }
}

/// Formats of texts, and of records, by the ends of names. Of several the first in this order is taken, since the others
/// say the same.
const TEXTS: [&str; 4] = [".parquet", ".jsonl", ".ndjson", ".txt"];
const RECORDS: [&str; 6] = [".parquet", ".jsonl", ".ndjson", ".json", ".csv", ".tsv"];

/// The files of each split, sorted; where none is named for training, all of them are.
fn split_files(
    files: &[String],
    config: Option<&str>,
    extensions: &[&str],
) -> Result<[Vec<String>; 3], String> {
    let config = match config {
        Some(config) => config.to_owned(),
        None => only_config(files)?,
    };
    // Beside the data of some sets lies what the hub's library wrote about them.
    let is_about = |file: &str| file.rsplit('/').next().unwrap_or(file).starts_with("dataset_info");
    let of_config: Vec<&String> =
        files.iter().filter(|file| config_of(file) == config && !is_about(file)).collect();
    for extension in extensions {
        let all =
            || of_config.iter().filter(|file| file.contains(*extension)).map(|&file| file.clone());
        let named = |split: Split| {
            let mut files: Vec<String> = all().filter(|file| split.is_named_by(file)).collect();
            files.sort();
            files
        };
        let train = named(Split::Train);
        if !train.is_empty() {
            return Ok([train, named(Split::Valid), named(Split::Test)]);
        }
        let mut all: Vec<String> = all().collect();
        if !all.is_empty() {
            all.sort();
            return Ok([all, Vec::new(), Vec::new()]);
        }
    }
    let what = if config.is_empty() { String::new() } else { format!(" in {config:?}") };
    // Of two names for JSON lines, one is told.
    let told: Vec<&str> = extensions.iter().copied().filter(|name| *name != ".ndjson").collect();
    let known = match told.split_last() {
        Some((last, [_, ..])) => format!("{} or {last}", told[..told.len() - 1].join(", ")),
        _ => told.concat(),
    };
    Err(format!("it has no {known} files{what}; name one of {}", configs(files)))
}

/// The folder that tells the configurations of a dataset apart: the last that is neither named for
/// a split nor "data".
fn config_of(file: &str) -> &str {
    let folders = file.rsplit('/').skip(1);
    let is_split = |folder: &str| {
        [Split::Train, Split::Valid, Split::Test].iter().any(|split| split.is_named_by(folder))
    };
    folders.into_iter().find(|folder| *folder != "data" && !is_split(folder)).unwrap_or("")
}

fn data_configs(files: &[String]) -> std::collections::BTreeSet<&str> {
    let is_data = |file: &&String| {
        let name = file.rsplit('/').next().unwrap_or_default();
        is_data_name(name) && !name.contains(".md") && !stem(name).eq_ignore_ascii_case("license")
    };
    files.iter().filter(is_data).map(|file| config_of(file)).collect()
}

fn only_config(files: &[String]) -> Result<String, String> {
    let all = data_configs(files);
    match all.first() {
        Some(first) if first.is_empty() || all.len() == 1 => Ok((*first).to_owned()),
        None => Ok(String::new()),
        Some(_) => Err(format!("it has several configurations; name one of {}", configs(files))),
    }
}

fn configs(files: &[String]) -> String {
    data_configs(files).into_iter().collect::<Vec<_>>().join(", ")
}
