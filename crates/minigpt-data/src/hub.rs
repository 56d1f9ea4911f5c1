//! Files from the Hugging Face hub, through the cache that its other programs use too.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hf_hub::api::sync::{Api, ApiBuilder, ApiError};
use hf_hub::{Cache, Repo};
use sha2::Digest;

use crate::DataError;

/// Where the hub is, and how to speak to it.
#[derive(Clone, PartialEq, Eq)]
pub struct Hub {
    /// Its address, <https://huggingface.co> unless `HF_ENDPOINT` says otherwise.
    pub endpoint: String,
    /// The cache that all programs share: `HF_HUB_CACHE`, or `hub` in `HF_HOME`, or
    /// `~/.cache/huggingface/hub`. `None` where there is no home folder either.
    pub cache: Option<PathBuf>,
    /// The token for private files: `HF_TOKEN`, or what `hf auth login` left in `HF_HOME`.
    pub token: Option<String>,
    /// Take all from the cache, as `HF_HUB_OFFLINE=1` asks.
    pub offline: bool,
    /// How often to try again after a failure that may pass.
    pub retries: u32,
    /// How long to wait before the first retry; twice as long before each of the others.
    pub pause: Duration,
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

impl Hub {
    /// The hub as the environment has it, with four retries after 1, 2, 4 and 8 seconds.
    #[must_use]
    pub fn from_env() -> Self {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let cache_home = variable("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(std::env::home_dir()?.join(".cache")));
        let home = variable("HF_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(cache_home?.join("huggingface")));
        let cache = variable("HF_HUB_CACHE")
            .map(PathBuf::from)
            .or_else(|| home.as_ref().map(|home| home.join("hub")));
        let saved_token = || fs_err::read_to_string(home.as_ref()?.join("token")).ok();
        let token = variable("HF_TOKEN").or_else(saved_token);
        let endpoint = variable("HF_ENDPOINT").unwrap_or("https://huggingface.co".to_owned());
        let offline = variable("HF_HUB_OFFLINE").unwrap_or_default().to_lowercase();
        Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            cache,
            token: token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty()),
            offline: ["1", "on", "yes", "true"].contains(&offline.as_str()),
            retries: 4,
            pause: Duration::from_secs(1),
        }
    }

    /// Looks at a repository: asks the hub which commit its revision is and which files that has,
    /// or the cache if the hub cannot be reached or must not be asked.
    pub(crate) fn snapshot(&self, repo: Repo) -> Result<Snapshot<'_>, DataError> {
        let address = format!("{}/api/{}", self.endpoint, repo.api_url());
        let name = repo.url();
        let fail = |reason: String| unreachable(&name, &address, reason);
        let path = self
            .cache
            .clone()
            .ok_or_else(|| fail("there is no cache folder; set HF_HOME".to_owned()))?;
        let cache = Cache::new(path);
        let cached = || cached_snapshot(&cache, &repo);
        let (commit, files) = if self.offline {
            let missing =
                || fail("HF_HUB_OFFLINE is set and the cache does not have it".to_owned());
            cached().ok_or_else(missing)?
        } else {
            let api = self.api(&cache).map_err(|error| fail(error.to_string()))?;
            let info = self.retrying(|| api.repo(repo.clone()).info().map_err(Failure::from));
            match info {
                Ok(info) => {
                    let files = info.siblings.into_iter().map(|sibling| sibling.rfilename);
                    (info.sha, files.collect())
                }
                Err(failure) => match cached() {
                    Some(cached) if failure.is_passing => cached,
                    _ => return Err(fail(failure.reason)),
                },
            }
        };
        Ok(Snapshot { hub: self, cache, repo, commit, files })
    }

    fn api(&self, cache: &Cache) -> Result<Api, ApiError> {
        ApiBuilder::from_cache(cache.clone())
            .with_endpoint(self.endpoint.clone())
            .with_token(self.token.clone())
            .with_progress(false)
            .build()
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
    cache: Cache,
    repo: Repo,
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
        self.cache.repo(self.repo.clone()).pointer_path(&self.commit)
    }

    /// The path of a file in the cache, downloaded if it is not there yet. What a broken download
    /// left is gone on with, and the whole is checked against the hub's checksum.
    pub(crate) fn get(
        &self,
        file: &str,
        progress: &mut dyn FnMut(Download),
    ) -> Result<PathBuf, DataError> {
        let path = self.folder().join(file);
        let pinned = pinned(&self.repo, &self.commit);
        let address =
            format!("{}/{}/resolve/{}/{file}", self.hub.endpoint, self.repo.url(), self.commit);
        let fail = |reason: String| unreachable(file, &address, reason);
        if !file.split('/').all(|part| !part.is_empty() && part != "." && part != "..") {
            return Err(fail("a name that leads out of the cache".to_owned()));
        }
        if !path.exists() {
            if self.hub.offline {
                return Err(fail(
                    "HF_HUB_OFFLINE is set and the cache does not have it".to_owned(),
                ));
            }
            let api = self.hub.api(&self.cache).map_err(|error| fail(error.to_string()))?;
            let download = || self.download(&api, &pinned, file, progress);
            let mut download = download;
            self.hub.retrying(&mut download).map_err(|failure| fail(failure.reason))?;
        }
        // With this, the revision is found by its name when there is no network.
        self.cache.repo(self.repo.clone()).create_ref(&self.commit)?;
        Ok(path)
    }

    fn download(
        &self,
        api: &Api,
        pinned: &Repo,
        file: &str,
        progress: &mut dyn FnMut(Download),
    ) -> Result<(), Failure> {
        let repo = api.repo(pinned.clone());
        let metadata = api.metadata(&repo.url(file))?;
        let blob = self.cache.repo(pinned.clone()).blob_path(metadata.etag());
        let report = Report {
            progress,
            state: Download { file: file.to_owned(), done_bytes: 0, total_bytes: 0 },
        };
        let path = match repo.download_with_progress(file, report) {
            Ok(path) => path,
            Err(error) => {
                let failure = Failure::from(error);
                // The part is as long as the file, or longer: there is nothing to go on with.
                if failure.is_useless_part {
                    fs_err::remove_file(blob.with_extension("part"))?;
                }
                return Err(failure);
            }
        };
        if has_checksum(&path, metadata.etag())? {
            return Ok(());
        }
        fs_err::remove_file(&path)?;
        if blob.exists() {
            fs_err::remove_file(&blob)?;
        }
        Err(Failure::passing("it came with another checksum than the hub's; try again".to_owned()))
    }
}

fn pinned(repo: &Repo, commit: &str) -> Repo {
    let is_dataset = repo.folder_name().starts_with("datasets--");
    let kind = if is_dataset { hf_hub::RepoType::Dataset } else { hf_hub::RepoType::Model };
    let id = repo.url();
    let id = if is_dataset { id.trim_start_matches("datasets/") } else { &id };
    Repo::with_revision(id.to_owned(), kind, commit.to_owned())
}

/// The commit that the cache knows for the revision, and the files it has of it.
fn cached_snapshot(cache: &Cache, repo: &Repo) -> Option<(String, Vec<String>)> {
    let revision = repo.revision();
    let folder = cache.path().join(repo.folder_name());
    let named = fs_err::read_to_string(folder.join("refs").join(revision));
    let commit = named.map_or(revision.to_owned(), |commit| commit.trim().to_owned());
    let snapshot = folder.join("snapshots").join(&commit);
    let mut files = Vec::new();
    collect(&snapshot, &snapshot, &mut files).ok()?;
    files.sort();
    Some((commit, files))
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<String>) -> std::io::Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
        } else if let Ok(name) = path.strip_prefix(root) {
            files.push(name.to_string_lossy().replace('\\', "/"));
        }
    }
    Ok(())
}

/// Whether a file has the checksum that the hub gives as its entity tag: the SHA-256 of a large
/// file, git's SHA-1 of a small one. There is no third kind today; it would be let pass.
fn has_checksum(path: &Path, etag: &str) -> std::io::Result<bool> {
    let mut file = fs_err::File::open(path)?;
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    Ok(match etag.len() {
        64 => hex(&digest(&mut file, sha2::Sha256::new())?) == etag,
        40 => {
            let header = format!("blob {}\0", file.metadata()?.len());
            hex(&digest(&mut file, sha1::Sha1::new().chain_update(header))?) == etag
        }
        _ => true,
    })
}

fn digest<D: Digest>(file: &mut impl Read, mut hash: D) -> std::io::Result<Vec<u8>> {
    let mut block = vec![0; 1 << 16];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(hash.finalize().to_vec()),
            length => hash.update(&block[..length]),
        }
    }
}

fn unreachable(file: &str, address: &str, reason: String) -> DataError {
    DataError::Hub { file: file.to_owned(), address: address.to_owned(), reason }
}

/// Why a request failed.
struct Failure {
    reason: String,
    /// It may go better the next time.
    is_passing: bool,
    /// What is there of the file cannot be completed.
    is_useless_part: bool,
}

impl Failure {
    fn passing(reason: String) -> Self {
        Self { reason, is_passing: true, is_useless_part: false }
    }

    fn lasting(reason: String) -> Self {
        Self { reason, is_passing: false, is_useless_part: false }
    }

    fn status(status: u16) -> Self {
        match status {
            401 => Self::lasting(
                "the hub wants a token (401), or the name is wrong; set HF_TOKEN".to_owned(),
            ),
            403 => Self::lasting(
                "the token gives no access (403); accept the conditions on its page".to_owned(),
            ),
            404 => Self::lasting("there is no such thing (404); check the name".to_owned()),
            416 => Self { is_useless_part: true, ..Self::passing("a stale part (416)".to_owned()) },
            429 => Self::passing("too many requests (429); try again later".to_owned()),
            500.. => Self::passing(format!("the hub failed ({status}); try again later")),
            _ => Self::lasting(format!("the hub answered {status}")),
        }
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::RequestError(error) => match *error {
                ureq::Error::StatusCode(status) => Self::status(status),
                other => Self::passing(other.to_string()),
            },
            ApiError::IoError(error) => Self::passing(error.to_string()),
            ApiError::InvalidResume => {
                Self { is_useless_part: true, ..Self::passing(error.to_string()) }
            }
            other => Self::lasting(other.to_string()),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::lasting(error.to_string())
    }
}

/// Passes hf-hub's reports on.
struct Report<'p> {
    progress: &'p mut dyn FnMut(Download),
    state: Download,
}

impl hf_hub::api::Progress for Report<'_> {
    fn init(&mut self, size: usize, _filename: &str) {
        self.state.done_bytes = 0;
        self.state.total_bytes = size as u64;
    }

    fn update(&mut self, size: usize) {
        self.state.done_bytes += size as u64;
        (self.progress)(self.state.clone());
    }

    fn finish(&mut self) {}
}
