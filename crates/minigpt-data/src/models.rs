//! Where a model is: a folder, or a repository on the hub.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::hub::{Repo, is_repository, is_revision};
use crate::{DataError, Download, Hub};

/// Where a model's folder is. Parsed and displayed as one string: a path, or
/// `hf:owner/model@revision` with or without the revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelSource {
    /// A folder.
    Folder(PathBuf),
    /// A model on the Hugging Face hub.
    Hub(HubModel),
}

/// A model on the Hugging Face hub: `owner/name`, then `@revision` where it is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubModel {
    /// Owner and name with a slash between; the oldest models have no owner.
    pub repo: String,
    /// Branch, tag or commit; "main" if there is none.
    pub revision: Option<String>,
}

impl FromStr for ModelSource {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        match text.strip_prefix("hf:") {
            Some(model) => model.parse().map(Self::Hub),
            None => Ok(Self::Folder(PathBuf::from(text))),
        }
    }
}

impl fmt::Display for ModelSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => path.display().fmt(f),
            Self::Hub(model) => write!(f, "hf:{model}"),
        }
    }
}

impl FromStr for HubModel {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        let (repo, revision) = match text.split_once('@') {
            Some((repo, revision)) => (repo, Some(revision.to_owned())),
            None => (text, None),
        };
        if !is_repository(repo) || !revision.as_deref().is_none_or(is_revision) {
            return Err(DataError::UnknownModel { given: text.to_owned() });
        }
        Ok(Self { repo: repo.to_owned(), revision })
    }
}

impl fmt::Display for HubModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repo)?;
        self.revision.iter().try_for_each(|revision| write!(f, "@{revision}"))
    }
}

impl ModelSource {
    /// The folder with the model's files; those on the hub that are not in the cache yet are
    /// downloaded into it, and `progress` is called meanwhile.
    ///
    /// # Errors
    /// [`DataError::Hub`] where the hub does not have the model, or no weights of a known format.
    pub fn folder(
        &self,
        hub: &Hub,
        progress: &mut dyn FnMut(Download),
    ) -> Result<PathBuf, DataError> {
        match self {
            Self::Folder(path) => Ok(path.clone()),
            Self::Hub(model) => model.download(hub, progress),
        }
    }
}

impl HubModel {
    fn download(
        &self,
        hub: &Hub,
        progress: &mut dyn FnMut(Download),
    ) -> Result<PathBuf, DataError> {
        let snapshot = hub.snapshot(Repo::model(self)?)?;
        let wanted = wanted(snapshot.files()).map_err(|reason| DataError::Hub {
            file: self.to_string(),
            address: snapshot.address(),
            reason,
        })?;
        for file in wanted {
            snapshot.get(&file, progress)?;
        }
        Ok(snapshot.folder())
    }
}

/// Configuration, tokenizer and one set of weights; of two formats the one that needs no pickle.
fn wanted(files: &[String]) -> Result<Vec<String>, String> {
    let has = |name: &str| files.iter().any(|file| file == name);
    let mut wanted = vec!["config.json".to_owned()];
    if !has("config.json") {
        return Err("it has no config.json, so it is no model of transformers".to_owned());
    }
    let tokenizer: &[&str] =
        if has("tokenizer.json") { &["tokenizer.json"] } else { &["vocab.json", "merges.txt"] };
    wanted.extend(tokenizer.iter().filter(|name| has(name)).map(|name| (*name).to_owned()));
    for (stem, extension) in [("model", "safetensors"), ("pytorch_model", "bin")] {
        let whole = format!("{stem}.{extension}");
        let index = format!("{whole}.index.json");
        if has(&whole) {
            wanted.push(whole);
            return Ok(wanted);
        }
        if has(&index) {
            let is_part = |file: &&String| {
                file.starts_with(&format!("{stem}-")) && file.ends_with(&format!(".{extension}"))
            };
            wanted.push(index);
            wanted.extend(files.iter().filter(is_part).cloned());
            return Ok(wanted);
        }
    }
    Err("it has neither model.safetensors nor pytorch_model.bin, whole or in parts".to_owned())
}

#[cfg(test)]
mod tests;
