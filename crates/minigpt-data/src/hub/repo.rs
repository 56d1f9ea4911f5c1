//! A repository on the hub, whose names have been checked: they become folders and addresses.

use std::fmt::Write;

use minigpt_files::is_file_name;

use crate::{DataError, HubDataset, HubModel};

/// A repository at a revision.
#[derive(Clone, Debug)]
pub(crate) struct Repo {
    /// "models" or "datasets".
    kind: &'static str,
    id: String,
    revision: String,
}

impl Repo {
    /// # Errors
    /// [`DataError::UnknownModel`] for names that cannot be a model's.
    pub(crate) fn model(model: &HubModel) -> Result<Self, DataError> {
        Self::new("models", &model.repo, model.revision.as_deref())
            .ok_or_else(|| DataError::UnknownModel { given: model.to_string() })
    }

    /// # Errors
    /// [`DataError::UnknownDataset`] for names that cannot be a dataset's.
    pub(crate) fn dataset(dataset: &HubDataset) -> Result<Self, DataError> {
        Self::new("datasets", &dataset.repo, dataset.revision.as_deref())
            .ok_or_else(|| DataError::UnknownDataset { given: dataset.to_string() })
    }

    fn new(kind: &'static str, id: &str, revision: Option<&str>) -> Option<Self> {
        let revision = revision.unwrap_or("main");
        let is_sound = is_repository(id) && is_revision(revision);
        is_sound.then(|| Self { kind, id: id.to_owned(), revision: revision.to_owned() })
    }

    pub(super) fn revision(&self) -> &str {
        &self.revision
    }

    /// Its folder in the cache.
    pub(super) fn folder_name(&self) -> String {
        format!("{}--{}", self.kind, self.id).replace('/', "--")
    }

    /// The model's repository whose folder in the cache has this name.
    pub(super) fn model_of_folder(name: &str) -> Option<String> {
        let id = name.strip_prefix("models--")?.replace("--", "/");
        is_repository(&id).then_some(id)
    }

    /// Its place on the hub.
    pub(super) fn url(&self) -> String {
        match self.kind {
            "models" => self.id.clone(),
            kind => format!("{kind}/{}", self.id),
        }
    }

    /// Where the hub tells of it.
    pub(super) fn api_url(&self) -> String {
        let revision = encoded(&self.revision).replace('/', "%2F");
        format!("{}/{}/revision/{revision}", self.kind, self.id)
    }
}

/// Whether it is a name, or an owner and a name, as the hub takes them.
pub(crate) fn is_repository(id: &str) -> bool {
    let is_name = |name: &str| {
        let is_sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        is_file_name(name) && name.chars().all(is_sound) && !name.contains("..")
    };
    id.split('/').count() <= 2 && id.split('/').all(is_name)
}

/// Whether it is the path of a GGUF file in a repository.
pub(crate) fn is_gguf(file: &str) -> bool {
    file.split('/').all(is_file_name) && file.ends_with(".gguf") && !file.contains(['@', '\\'])
}

/// Whether it is a branch, a tag or a commit: a path of git's, which leads nowhere else.
pub(crate) fn is_revision(revision: &str) -> bool {
    let is_sound = |c: char| !c.is_control() && !" ~^:?*[\\".contains(c);
    revision.split('/').all(|part| is_file_name(part) && !part.contains(".."))
        && revision.chars().all(is_sound)
}

/// Whether it is one of git's hashes or a SHA-256: the only names that an answer of the hub gives to
/// files and folders of the cache.
pub(super) fn is_hash(text: &str) -> bool {
    matches!(text.len(), 40 | 64)
        && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'))
}

/// A path as it stands in an address.
pub(super) fn encoded(path: &str) -> String {
    let mut encoded = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                encoded.push(char::from(byte));
            }
            // Writing to a string cannot fail.
            _ => _ = write!(encoded, "%{byte:02X}"),
        }
    }
    encoded
}

#[cfg(test)]
mod tests;
