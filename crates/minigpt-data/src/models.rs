//! Where a model is: a folder, a GGUF file, or either of them in a repository on the hub.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::hub::{Repo, is_gguf, is_repository, is_revision};
use crate::quote::shortened;
use crate::{DataError, Download, Hub};

/// Where a model is. Parsed and displayed as one string: a path, or a [`HubModel`] after `hf:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelSource {
    /// A folder, or a GGUF file.
    Path(PathBuf),
    /// A model on the Hugging Face hub.
    Hub(HubModel),
}

/// A model on the Hugging Face hub: `owner/name`, then `/file.gguf` where it is one of the repository's GGUF
/// files, then `@revision` where it is needed.
///
/// ```
/// use minigpt_data::HubModel;
///
/// let model: HubModel = "owner/name/folder/small.gguf@v1".parse()?;
/// assert_eq!((model.repo.as_str(), model.file.as_deref()), ("owner/name", Some("folder/small.gguf")));
/// # Ok::<(), minigpt_data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HubModel {
    /// Owner and name with a slash between; the oldest models have no owner.
    pub repo: String,
    /// The GGUF file that the model is, or `None` for the repository's safetensors or PyTorch files.
    pub file: Option<String>,
    /// Branch, tag or commit; "main" if there is none.
    pub revision: Option<String>,
}

impl FromStr for ModelSource {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        match text.strip_prefix("hf:") {
            Some(model) => model.parse().map(Self::Hub),
            None => Ok(Self::Path(PathBuf::from(text))),
        }
    }
}

impl fmt::Display for ModelSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Hub(model) => write!(f, "hf:{model}"),
        }
    }
}

impl FromStr for HubModel {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        let (path, revision) = match text.split_once('@') {
            Some((path, revision)) => (path, Some(revision.to_owned())),
            None => (text, None),
        };
        let (repo, file) = match path.match_indices('/').nth(1) {
            Some((at, _)) => (&path[..at], Some(path[at + 1..].to_owned())),
            None => (path, None),
        };
        let is_sound = is_repository(repo)
            && file.as_deref().is_none_or(is_gguf)
            && revision.as_deref().is_none_or(is_revision);
        match is_sound {
            true => Ok(Self { repo: repo.to_owned(), file, revision }),
            false => Err(DataError::UnknownModel { given: text.to_owned() }),
        }
    }
}

impl fmt::Display for HubModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repo)?;
        self.file.iter().try_for_each(|file| write!(f, "/{file}"))?;
        self.revision.iter().try_for_each(|revision| write!(f, "@{revision}"))
    }
}

impl ModelSource {
    /// The path of the model's folder or GGUF file; files on the hub that are not in the cache yet are
    /// downloaded into it, and `progress` is called meanwhile.
    ///
    /// # Errors
    /// [`DataError::Hub`] where the hub does not have the model, or no weights of a known format.
    pub fn fetch(
        &self,
        hub: &Hub,
        progress: &mut dyn FnMut(Download),
    ) -> Result<PathBuf, DataError> {
        match self {
            Self::Path(path) => Ok(path.clone()),
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
        let cannot = |reason: String| DataError::Hub {
            file: self.to_string(),
            address: snapshot.address(),
            reason,
        };
        if let Some(file) = &self.file {
            if !snapshot.files().contains(file) {
                return Err(cannot(no_such_file(snapshot.files())));
            }
            return snapshot.get(file, progress);
        }
        for file in wanted(snapshot.files()).map_err(cannot)? {
            snapshot.get(&file, progress)?;
        }
        Ok(snapshot.folder())
    }
}

/// Why a GGUF file cannot be had, with those that there are.
fn no_such_file(files: &[String]) -> String {
    match gguf_files(files) {
        Some(there) => format!("no such file: expected one of {there}"),
        None => "it has no GGUF files".to_owned(),
    }
}

/// The names of a repository's GGUF files, if it has some.
fn gguf_files(files: &[String]) -> Option<String> {
    let files: Vec<&str> = files.iter().map(String::as_str).filter(|file| is_gguf(file)).collect();
    (!files.is_empty()).then(|| shortened(&files.join(", ")))
}

/// Small files that say how the model is asked and what its texts end with.
const BESIDE: [&str; 3] =
    ["tokenizer_config.json", "generation_config.json", "chat_template.jinja"];

/// Configurations, tokenizer and one set of weights; of two formats the one that needs no pickle.
fn wanted(files: &[String]) -> Result<Vec<String>, String> {
    let has = |name: &str| files.iter().any(|file| file == name);
    let mut wanted = vec!["config.json".to_owned()];
    if !has("config.json") {
        let reason = "it has no config.json, so it is no model of transformers".to_owned();
        return Err(match gguf_files(files) {
            Some(there) => format!("{reason}: name one of its GGUF files after the model, {there}"),
            None => reason,
        });
    }
    let tokenizer: &[&str] =
        if has("tokenizer.json") { &["tokenizer.json"] } else { &["vocab.json", "merges.txt"] };
    wanted.extend(tokenizer.iter().filter(|name| has(name)).map(|name| (*name).to_owned()));
    wanted.extend(BESIDE.into_iter().filter(|name| has(name)).map(str::to_owned));
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
