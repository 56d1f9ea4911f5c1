//! What of models is in the cache, and taking it away again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::repo::{Repo, is_gguf};
use super::{Hub, collect};
use crate::{DataError, HubModel};

/// Bytes of a repository with GGUF files that are worth a line besides these: less is a card.
const WORTH_A_LINE: u64 = 1 << 20;

/// A model that is in the cache of the Hugging Face hub, with the room that it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedModel {
    /// Its name: a repository, or one of its GGUF files.
    pub model: HubModel,
    /// Bytes that its files take.
    pub bytes: u64,
}

impl Hub {
    /// The models in the cache, by name: of each repository its GGUF files, and what else is there of it,
    /// broken downloads included. Whatever else is in the cache is passed over.
    ///
    /// # Errors
    /// [`DataError::Io`] where the cache cannot be read.
    pub fn cached_models(&self) -> Result<Vec<CachedModel>, DataError> {
        let mut models = Vec::new();
        let Some(cache) = self.cache.as_ref().filter(|cache| cache.is_dir()) else {
            return Ok(models);
        };
        for entry in fs_err::read_dir(cache)? {
            let entry = entry?;
            let Some(repo) = Repo::model_of_folder(&entry.file_name().to_string_lossy()) else {
                continue;
            };
            if !entry.path().is_dir() {
                continue;
            }
            let files = Files::of(&entry.path())?;
            let model =
                |file: Option<String>| HubModel { repo: repo.clone(), file, revision: None };
            for (name, stored) in files.names.iter().filter(|(name, _)| is_gguf(name)) {
                let bytes = stored.iter().filter_map(|path| files.sizes.get(path)).sum();
                models.push(CachedModel { model: model(Some(name.clone())), bytes });
            }
            let gguf = files.stored_as(is_gguf);
            let others = files.sizes.iter().filter(|(path, _)| !gguf.contains(path));
            let bytes: u64 = others.map(|(_, bytes)| bytes).sum();
            let is_folder = files.names.contains_key("config.json");
            if is_folder || gguf.is_empty() || bytes >= WORTH_A_LINE {
                models.push(CachedModel { model: model(None), bytes });
            }
        }
        models.sort_by(|a, b| a.model.cmp(&b.model));
        Ok(models)
    }

    /// Takes a model out of the cache, in all its revisions: a repository with all that is there of it, or
    /// one GGUF file. The bytes that are free then.
    ///
    /// # Errors
    /// [`DataError::NotCached`] where the cache does not have it, [`DataError::Io`] where it cannot be removed.
    pub fn remove(&self, model: &HubModel) -> Result<u64, DataError> {
        let repo = Repo::model(model)?;
        let missing = || DataError::NotCached { model: model.to_string() };
        let folder = self.cache.as_ref().map(|cache| cache.join(repo.folder_name()));
        let folder = folder.filter(|folder| folder.is_dir()).ok_or_else(missing)?;
        let files = Files::of(&folder)?;
        let Some(name) = &model.file else {
            fs_err::remove_dir_all(&folder)?;
            return Ok(files.sizes.values().sum());
        };
        let stored = files.names.get(name).ok_or_else(missing)?;
        let shared = files.stored_as(|other| other != name);
        for snapshot in snapshots(&folder)? {
            let link = snapshot.join(name);
            if link.symlink_metadata().is_ok() {
                fs_err::remove_file(link)?;
            }
        }
        let mut freed = 0;
        for path in stored.iter().filter(|path| !shared.contains(path)) {
            freed += files.sizes.get(path).copied().unwrap_or_default();
            // Where links are not to be had, the file was under its name.
            if path.exists() {
                fs_err::remove_file(path)?;
            }
        }
        Ok(freed)
    }
}

/// The files of a repository in the cache.
struct Files {
    /// Bytes of each, by where it is stored.
    sizes: BTreeMap<PathBuf, u64>,
    /// Where the files of a name are stored, in all revisions.
    names: BTreeMap<String, BTreeSet<PathBuf>>,
}

impl Files {
    fn of(folder: &Path) -> Result<Self, DataError> {
        let root = fs_err::canonicalize(folder)?;
        let (mut sizes, mut names) = (BTreeMap::new(), BTreeMap::<_, BTreeSet<_>>::new());
        add_sizes(&root, &mut sizes)?;
        for snapshot in snapshots(&root)? {
            let mut files = Vec::new();
            collect(&snapshot, &snapshot, &mut files)?;
            for name in files {
                // A link may lead to a file that is gone, and a link of others' anywhere.
                let stored = fs_err::canonicalize(snapshot.join(&name)).ok();
                let stored = stored.filter(|path| sizes.contains_key(path));
                names.entry(name).or_default().extend(stored);
            }
        }
        Ok(Self { sizes, names })
    }

    /// Where the files are stored whose name is one of these.
    fn stored_as(&self, is_one: impl Fn(&str) -> bool) -> BTreeSet<&PathBuf> {
        self.names.iter().filter(|(name, _)| is_one(name)).flat_map(|(_, stored)| stored).collect()
    }
}

/// The folders of the commits that the cache has of a repository.
fn snapshots(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let snapshots = folder.join("snapshots");
    if !snapshots.is_dir() {
        return Ok(Vec::new());
    }
    let mut folders = Vec::new();
    for entry in fs_err::read_dir(snapshots)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            folders.push(entry.path());
        }
    }
    Ok(folders)
}

/// The bytes of each file below a folder; links are none.
fn add_sizes(folder: &Path, sizes: &mut BTreeMap<PathBuf, u64>) -> std::io::Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            add_sizes(&entry.path(), sizes)?;
        } else if kind.is_file() {
            sizes.insert(entry.path(), entry.metadata()?.len());
        }
    }
    Ok(())
}
