//! What is asked of the hub, and why it fails.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use minigpt_files::{Bounded, Limit};
use sha1::{Digest, Sha1};
use ureq::config::RedirectAuthHeaders;
use ureq::http::{HeaderMap, Response, Uri, header};
use ureq::typestate::WithoutBody;
use ureq::{Agent, Body, RequestBuilder};

use super::repo::is_hash;
use super::{Download, Hub};
use crate::quote::shortened;

/// What the hub tells of a repository: a hundred bytes for each file.
const LISTING: Limit = Limit::new(64 << 20, "the list of a repository's files");

/// Steps from one place of the hub to another before it says what a file is.
const REDIRECTS: usize = 5;

/// The checksum that the hub gives as a file's entity tag: the SHA-256 of a large file, git's SHA-1 of a
/// small one. Hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Checksum(String);

/// A file that is being downloaded, and what it should be in the end.
pub(super) struct PartialFile {
    pub(super) path: PathBuf,
    pub(super) checksum: Checksum,
}

/// What a hub says to somebody who asks for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HubAnswer {
    /// It is there; nothing is known of a token.
    There,
    /// It takes the token.
    TokenTaken,
    /// It is there and refuses the token.
    TokenRefused,
}

/// A hub that is spoken to.
pub(super) struct Client<'h> {
    hub: &'h Hub,
    agent: Agent,
}

#[derive(serde::Deserialize)]
struct Listing {
    sha: String,
    siblings: Vec<Sibling>,
}

#[derive(serde::Deserialize)]
struct Sibling {
    rfilename: String,
}

impl<'h> Client<'h> {
    pub(super) fn new(hub: &'h Hub) -> Self {
        let timeout = Some(hub.timeout);
        let agent = Agent::config_builder()
            .timeout_resolve(timeout)
            .timeout_connect(timeout)
            .timeout_send_request(timeout)
            .timeout_recv_response(timeout)
            .timeout_per_read(timeout)
            .redirect_auth_headers(RedirectAuthHeaders::SameHost)
            .user_agent(concat!("minigpt/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        Self { hub, agent }
    }

    fn get(&self, address: &str) -> RequestBuilder<WithoutBody> {
        let request = self.agent.get(address);
        match &self.hub.token {
            Some(token) => request.header(header::AUTHORIZATION, format!("Bearer {token}")),
            None => request,
        }
    }

    /// Asks for something small.
    pub(super) fn ask(&self, address: &str) -> Result<HubAnswer, Failure> {
        let request = self.get(address).config().http_status_as_error(false).build();
        let status = request.call().map_err(|error| self.failure(error))?.status().as_u16();
        match (status, &self.hub.token) {
            (500.., _) => Err(Failure::status(status)),
            (401 | 403, Some(_)) => Ok(HubAnswer::TokenRefused),
            (200..300, Some(_)) => Ok(HubAnswer::TokenTaken),
            _ => Ok(HubAnswer::There),
        }
    }

    /// The commit of a repository's revision, and the names of its files.
    pub(super) fn look(&self, address: &str) -> Result<(String, Vec<String>), Failure> {
        let response = self.get(address).call().map_err(|error| self.failure(error))?;
        let mut json = Vec::new();
        Bounded::new(response.into_body().into_reader(), LISTING, "the answer")
            .read_to_end(&mut json)
            .map_err(|error| self.failure(error.into()))?;
        let listing: Listing = serde_json::from_slice(&json)
            .map_err(|error| Failure::lasting(format!("the hub's answer is damaged: {error}")))?;
        if !is_hash(&listing.sha) {
            return Err(no_hash("the hub's commit", &listing.sha));
        }
        let files = listing.siblings.into_iter().map(|sibling| sibling.rfilename).collect();
        Ok((listing.sha, files))
    }

    /// The checksum of a file. The hub tells it before it leads on to where the file lies.
    pub(super) fn checksum(&self, address: &str) -> Result<Checksum, Failure> {
        let mut address = address.to_owned();
        for _ in 0..REDIRECTS {
            let request = self.get(&address).header(header::RANGE, "bytes=0-0");
            let response = request.config().max_redirects(0).build().call();
            let response = response.map_err(|error| self.failure(error))?;
            let headers = response.headers();
            let own_path = text(headers, "location").filter(|to| to.starts_with('/'));
            match own_path.filter(|_| response.status().is_redirection()) {
                Some(path) if !path.starts_with("//") => address = self.origin() + path,
                _ => return Checksum::of_answer(headers),
            }
        }
        Err(Failure::lasting("the hub leads from one place to another without end".to_owned()))
    }

    /// The endpoint without its path.
    fn origin(&self) -> String {
        match self.hub.endpoint.parse::<Uri>().map(Uri::into_parts) {
            Ok(ureq::http::uri::Parts { scheme: Some(scheme), authority: Some(host), .. }) => {
                format!("{scheme}://{host}")
            }
            _ => self.hub.endpoint.clone(),
        }
    }

    /// Downloads what is missing of a part, and checks the whole.
    pub(super) fn download(
        &self,
        address: &str,
        part: &PartialFile,
        mut state: Download,
        progress: &mut dyn FnMut(Download),
    ) -> Result<(), Failure> {
        let mut file = fs_err::OpenOptions::new().append(true).create(true).open(&part.path)?;
        let begun = file.metadata()?.len();
        let mut request = self.get(address);
        if begun > 0 {
            request = request.header(header::RANGE, format!("bytes={begun}-"));
        }
        let response = match request.call() {
            // The part is as long as the file, or longer: there is nothing to go on with.
            Err(ureq::Error::StatusCode(416)) => {
                fs_err::remove_file(&part.path)?;
                return Err(Failure::passing("a stale part (416)".to_owned()));
            }
            response => response.map_err(|error| self.failure(error))?,
        };
        let (start, total) = range(&response);
        if start != begun {
            file.file().set_len(0)?;
            if start != 0 {
                return Err(Failure::passing(
                    "the hub sent another part than asked for".to_owned(),
                ));
            }
        }
        (state.done_bytes, state.total_bytes) = (start, total.unwrap_or(0));
        let mut body = response.into_body().into_reader();
        let mut block = vec![0; 1 << 16];
        loop {
            let length = body.read(&mut block).map_err(|error| self.failure(error.into()))?;
            if length == 0 {
                break;
            }
            file.write_all(&block[..length])?;
            state.done_bytes += length as u64;
            if total.is_some_and(|total| state.done_bytes > total) {
                fs_err::remove_file(&part.path)?;
                return Err(Failure::passing("the hub sent more than the file".to_owned()));
            }
            progress(state.clone());
        }
        file.sync_all()?;
        if total.is_some_and(|total| state.done_bytes < total) {
            return Err(Failure::passing("the connection ended too early".to_owned()));
        }
        if part.checksum.is_of(&part.path)? {
            return Ok(());
        }
        fs_err::remove_file(&part.path)?;
        let reason = "it came with another checksum than the hub's; try again";
        Err(Failure::passing(reason.to_owned()))
    }

    fn failure(&self, error: ureq::Error) -> Failure {
        use ureq::Error::{
            BadUri, ConnectionFailed, HostNotFound, Http, Io, Protocol, StatusCode, Timeout,
        };
        match error {
            StatusCode(status) => Failure::status(status),
            Timeout(_) => Failure::passing(silence(self.hub.timeout)),
            // Some systems tell a timeout of a read so.
            Io(error) if is_timeout(&error) => Failure::passing(silence(self.hub.timeout)),
            Io(_) | Protocol(_) | HostNotFound | ConnectionFailed => {
                Failure::passing(error.to_string())
            }
            Http(_) | BadUri(_) => Failure::lasting(error.to_string()),
            other => Failure::lasting(other.to_string()),
        }
    }
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::TimedOut | std::io::ErrorKind::WouldBlock)
}

fn silence(timeout: Duration) -> String {
    format!(
        "no answer within {timeout:?}; try again later, or set HF_HUB_DOWNLOAD_TIMEOUT to more seconds"
    )
}

fn text<'r>(headers: &'r HeaderMap, name: &str) -> Option<&'r str> {
    headers.get(name)?.to_str().ok()
}

/// Where in a file an answer begins, and how long the file is, where the answer tells.
fn range(response: &Response<Body>) -> (u64, Option<u64>) {
    let range = text(response.headers(), "content-range").and_then(|range| {
        let (place, total) = range.strip_prefix("bytes ")?.split_once('/')?;
        Some((place.split('-').next()?.parse().ok()?, total.parse().ok()))
    });
    let length = text(response.headers(), "content-length").and_then(|length| length.parse().ok());
    match range {
        Some(range) if response.status() == 206 => range,
        _ => (0, length),
    }
}

impl Checksum {
    fn of_answer(headers: &HeaderMap) -> Result<Self, Failure> {
        let tag = text(headers, "x-linked-etag").or_else(|| text(headers, "etag"));
        let tag = tag.unwrap_or_default();
        let digits = tag.trim_start_matches("W/").trim_matches('"');
        if is_hash(digits) {
            return Ok(Self(digits.to_owned()));
        }
        Err(no_hash("the hub's checksum", tag))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a file has it.
    fn is_of(&self, path: &Path) -> std::io::Result<bool> {
        if self.0.len() == 64 {
            return Ok(minigpt_files::sha256_file(path)? == self.0);
        }
        let mut file = minigpt_files::open(path)?;
        let header = format!("blob {}\0", file.metadata()?.len());
        let mut hash = Sha1::new().chain_update(header);
        let mut block = vec![0; 1 << 16];
        loop {
            match file.read(&mut block)? {
                0 => break,
                length => hash.update(&block[..length]),
            }
        }
        let digits: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(digits == self.0)
    }
}

fn no_hash(what: &str, found: &str) -> Failure {
    let found = shortened(found);
    Failure::lasting(format!("{what} is {found:?}: expected 40 or 64 hexadecimal digits"))
}

/// Why a request failed.
pub(super) struct Failure {
    pub(super) reason: String,
    /// It may go better the next time.
    pub(super) is_passing: bool,
}

impl Failure {
    fn passing(reason: String) -> Self {
        Self { reason, is_passing: true }
    }

    fn lasting(reason: String) -> Self {
        Self { reason, is_passing: false }
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
            429 => Self::passing("too many requests (429); try again later".to_owned()),
            500.. => Self::passing(format!("the hub failed ({status}); try again later")),
            _ => Self::lasting(format!("the hub answered {status}")),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::lasting(error.to_string())
    }
}
