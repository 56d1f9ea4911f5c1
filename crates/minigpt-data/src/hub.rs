//! Files from the Hugging Face hub, through the cache that its other programs use too.
//!
//! What a server answers is checked before it becomes the name of a file: commits and checksums are
//! hexadecimal digits, names of files lead nowhere else.

mod cached;
mod client;
mod repo;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use minigpt_files::{Limit, is_file_name};

pub use self::cached::CachedModel;
pub use self::client::HubAnswer;
use self::client::{Client, Failure, PartialFile};
pub(crate) use self::repo::{Repo, is_gguf, is_repository, is_revision};
use crate::DataError;
use crate::quote::shortened;

/// Where the hub is, and how to speak to it.
#[derive(Clone, PartialEq, Eq)]
pub struct Hub {
    /// Its address, <https://huggingface.co> unless `HF_ENDPOINT` says otherwise.
    pub endpoint: String,
    /// The cache that all programs share: `HF_HUB_CACHE`, or `hub` in `HF_HOME`, or
    /// `~/.cache/huggingface/hub`. `None` where there is no home folder either.
    pub cache: Option<PathBuf>,
    /// The token for private files: `HF_TOKEN`, or `HUGGING_FACE_HUB_TOKEN`, or what `hf auth login` left
    /// in the file `HF_TOKEN_PATH`, or in `token` in `HF_HOME`.
    pub token: Option<String>,
    /// Take all from the cache, as `HF_HUB_OFFLINE=1` asks.
    pub offline: bool,
    /// How often to try again after a failure that may pass.
    pub retries: u32,
    /// How long to wait before the first retry; twice as long before each of the others.
    pub pause: Duration,
    /// How long to wait for a connection, for an answer, and for more of one.
    pub timeout: Duration,
}

/// How far the download of a file has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    /// Its name on the hub.
    pub file: String,
    /// Bytes that are here.
    pub done_bytes: u64,
    /// Bytes of the file.
    pub total_bytes: u64,
}

impl fmt::Debug for Hub {
    /// Without the token, which has no place in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hub({}, cache {:?}, offline {})", self.endpoint, self.cache, self.offline)
    }
}

/// A token has forty characters.
const TOKEN: Limit = Limit::new(1 << 16, "a token");

/// A commit in the cache has forty characters.
const REFERENCE: Limit = Limit::new(1 << 12, "a commit");

impl Hub {
    /// The hub as the environment has it, with four retries after 1, 2, 4 and 8 seconds, and ten seconds
    /// to answer unless `HF_HUB_DOWNLOAD_TIMEOUT` says otherwise.
    #[must_use]
    pub fn from_env() -> Self {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    fn from_variables(value: impl Fn(&str) -> Option<String>) -> Self {
        let variable = |name| value(name).filter(|value| !value.trim().is_empty());
        let path = |name| variable(name).map(PathBuf::from);
        let cache_home =
            path("XDG_CACHE_HOME").or_else(|| Some(std::env::home_dir()?.join(".cache")));
        let home = path("HF_HOME").or_else(|| Some(cache_home?.join("huggingface")));
        let cache = path("HF_HUB_CACHE").or_else(|| path("HUGGINGFACE_HUB_CACHE"));
        let cache = cache.or_else(|| home.as_ref().map(|home| home.join("hub")));
        let token_path =
            path("HF_TOKEN_PATH").or_else(|| home.as_ref().map(|home| home.join("token")));
        let saved_token = || minigpt_files::read_text(token_path.as_ref()?, TOKEN).ok();
        let token = variable("HF_TOKEN").or_else(|| variable("HUGGING_FACE_HUB_TOKEN"));
        let token = token.or_else(saved_token).map(|token| token.trim().to_owned());
        let endpoint = variable("HF_ENDPOINT").unwrap_or("https://huggingface.co".to_owned());
        let offline = variable("HF_HUB_OFFLINE").unwrap_or_default().to_lowercase();
        let timeout = variable("HF_HUB_DOWNLOAD_TIMEOUT").and_then(|seconds| seconds.parse().ok());
        Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            cache,
            token: token.filter(|token| !token.is_empty()),
            offline: ["1", "on", "yes", "true"].contains(&offline.as_str()),
            retries: 4,
            pause: Duration::from_secs(1),
            timeout: Duration::from_secs(timeout.filter(|seconds| *seconds > 0).unwrap_or(10)),
        }
    }

    /// Asks once whether the hub answers, and where there is a token, whether it takes it.
    ///
    /// # Errors
    /// [`DataError::Hub`] where it does not, within the [timeout](Self::timeout) of each step, or answers that it
    /// failed.
    pub fn ask(&self) -> Result<HubAnswer, DataError> {
        let path = if self.token.is_some() { "api/whoami-v2" } else { "api/models?limit=1" };
        let address = format!("{}/{path}", self.endpoint);
        let answer = Client::new(self).ask(&address);
        answer.map_err(|failure| unreachable("the hub", &address, failure.reason))
    }

    /// Looks at a repository: asks the hub which commit its revision is and which files that has,
    /// or the cache if the hub cannot be reached or must not be asked.
    pub(crate) fn snapshot(&self, repo: Repo) -> Result<Snapshot<'_>, DataError> {
        let address = format!("{}/api/{}", self.endpoint, repo.api_url());
        let name = repo.url();
        let fail = |reason: String| unreachable(&name, &address, reason);
        let cache = self.cache.as_ref();
        let cache =
            cache.ok_or_else(|| fail("there is no cache folder; set HF_HOME".to_owned()))?;
        let folder = cache.join(repo.folder_name());
        let cached = || cached_snapshot(&folder, repo.revision());
        let (commit, files) = if self.offline {
            let missing =
                || fail("HF_HUB_OFFLINE is set and the cache does not have it".to_owned());
            cached().ok_or_else(missing)?
        } else {
            let client = Client::new(self);
            match self.retrying(|| client.look(&address)) {
                Ok(found) => found,
                Err(failure) => match cached() {
                    Some(cached) if failure.is_passing => cached,
                    _ => return Err(fail(failure.reason)),
                },
            }
        };
        Ok(Snapshot { hub: self, folder, repo, commit, files })
    }

    fn retrying<T>(&self, mut attempt: impl FnMut() -> Result<T, Failure>) -> Result<T, Failure> {
        let mut pause = self.pause;
        for _ in 0..self.retries {
            match attempt() {
                Err(failure) if failure.is_passing => std::thread::sleep(pause),
                result => return result,
            }
            pause *= 2;
        }
        attempt()
    }
}

/// The files of a repository at one commit.
pub(crate) struct Snapshot<'h> {
    hub: &'h Hub,
    /// The repository's, in the cache.
    folder: PathBuf,
    repo: Repo,
    /// Hexadecimal digits.
    commit: String,
    files: Vec<String>,
}

impl Snapshot<'_> {
    /// The names of the files there are.
    pub(crate) fn files(&self) -> &[String] {
        &self.files
    }

    /// Where it is on the hub, for errors.
    pub(crate) fn address(&self) -> String {
        format!("{}/{}", self.hub.endpoint, self.repo.url())
    }

    /// Where the cache has the files, under their names.
    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.join("snapshots").join(&self.commit)
    }

    /// The path of a file in the cache, downloaded if it is not there yet. What a broken download
    /// left is gone on with, and the whole is checked against the hub's checksum.
    pub(crate) fn get(
        &self,
        file: &str,
        progress: &mut dyn FnMut(Download),
    ) -> Result<PathBuf, DataError> {
        let path = self.folder().join(file);
        let address = format!("{}/resolve/{}/{}", self.address(), self.commit, repo::encoded(file));
        let fail = |reason: String| unreachable(file, &address, reason);
        if !file.split('/').all(is_file_name) {
            return Err(fail("a name that leads out of the cache".to_owned()));
        }
        if !path.exists() {
            if self.hub.offline {
                return Err(fail(
                    "HF_HUB_OFFLINE is set and the cache does not have it".to_owned(),
                ));
            }
            let client = Client::new(self.hub);
            let mut download = || self.download(&client, &address, file, progress);
            self.hub.retrying(&mut download).map_err(|failure| fail(failure.reason))?;
        }
        self.keep_reference()?;
        Ok(path)
    }

    /// With this, the revision is found by its name when there is no network.
    fn keep_reference(&self) -> Result<(), DataError> {
        let revision = self.repo.revision();
        if revision == self.commit
            || reference(&self.folder, revision).as_ref() == Some(&self.commit)
        {
            return Ok(());
        }
        let path = self.folder.join("refs").join(revision);
        if let Some(folder) = path.parent() {
            fs_err::create_dir_all(folder)?;
        }
        Ok(minigpt_files::write(&path, &self.commit)?)
    }

    fn download(
        &self,
        client: &Client<'_>,
        address: &str,
        file: &str,
        progress: &mut dyn FnMut(Download),
    ) -> Result<(), Failure> {
        let checksum = client.checksum(address)?;
        let blobs = self.folder.join("blobs");
        fs_err::create_dir_all(&blobs)?;
        let blob = blobs.join(checksum.as_str());
        // Another process may be at it, and leave it whole.
        let lock = minigpt_files::open_lock(&blob.with_extension("lock"))?;
        lock.lock()?;
        if !blob.is_file() {
            let part = PartialFile { path: blob.with_extension("part"), checksum };
            let state = Download { file: file.to_owned(), done_bytes: 0, total_bytes: 0 };
            client.download(address, &part, state, progress)?;
            fs_err::rename(&part.path, &blob)?;
        }
        Ok(link(&blob, &self.folder(), file)?)
    }
}

/// Gives a blob its name in the folder of a commit: by a relative link, as all programs of the cache do.
fn link(blob: &Path, folder: &Path, file: &str) -> std::io::Result<()> {
    let path = folder.join(file);
    if let Some(folder) = path.parent() {
        fs_err::create_dir_all(folder)?;
    }
    if path.symlink_metadata().is_ok() {
        fs_err::remove_file(&path)?;
    }
    let name = blob.file_name().unwrap_or_default();
    let depth = 2 + file.matches('/').count();
    let target = (0..depth).map(|_| "..").collect::<PathBuf>().join("blobs").join(name);
    #[cfg(unix)]
    return fs_err::os::unix::fs::symlink(target, &path);
    // Few accounts of Windows may make links.
    #[cfg(not(unix))]
    return std::os::windows::fs::symlink_file(target, &path)
        .or_else(|_| fs_err::rename(blob, &path));
}

/// The commit that the cache knows for a revision.
fn reference(folder: &Path, revision: &str) -> Option<String> {
    let commit = minigpt_files::read_text(&folder.join("refs").join(revision), REFERENCE).ok()?;
    Some(commit.trim().to_owned()).filter(|commit| repo::is_hash(commit))
}

/// The commit that the cache knows for the revision, and the files it has of it.
fn cached_snapshot(folder: &Path, revision: &str) -> Option<(String, Vec<String>)> {
    let itself = || Some(revision.to_owned()).filter(|revision| repo::is_hash(revision));
    let commit = reference(folder, revision).or_else(itself)?;
    let snapshot = folder.join("snapshots").join(&commit);
    let mut files = Vec::new();
    collect(&snapshot, &snapshot, &mut files).ok()?;
    files.sort();
    Some((commit, files))
}

/// The names of the files below `folder`, which is `root` or within it. Links to files are files; those to folders,
/// which may lead in a circle, are passed over.
fn collect(root: &Path, folder: &Path, files: &mut Vec<String>) -> std::io::Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            collect(root, &path, files)?;
        } else if path.is_dir() {
            continue;
        } else if let Ok(name) = path.strip_prefix(root) {
            files.push(name.to_string_lossy().replace('\\', "/"));
        }
    }
    Ok(())
}

fn unreachable(file: &str, address: &str, reason: String) -> DataError {
    let (file, address) = (shortened(file), shortened(address));
    DataError::Hub { file, address, reason }
}

#[cfg(test)]
mod tests;
