//! A hub on this machine, whose answers are files of the folder that is attacked.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Result;
use minigpt_files::sha256;

/// What the hub says of every repository.
pub(crate) const LISTING: &str = "listing.json";
/// The headers that come with every file; `LENGTH` and `CHECKSUM` in them are the file's.
pub(crate) const HEADERS: &str = "headers.txt";
/// Where there is such a file: the headers of an answer that leads on to the file, as the hub does it with large
/// ones; `NAME` in them is the file's, too.
pub(crate) const REDIRECT: &str = "redirect.txt";
/// The folder of the files that every repository has.
pub(crate) const FILES: &str = "files";

/// Where files are that an answer led on to.
const LED_TO: &str = "/led-to/";

/// A client that says nothing is not waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers on loopback until it is dropped.
pub(crate) struct LocalHub {
    address: SocketAddr,
    server: Option<JoinHandle<()>>,
}

impl LocalHub {
    /// Serves what is in `folder`.
    pub(crate) fn serve(folder: &Path) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let mut answers = Answers { folder: folder.to_owned(), given: HashSet::new() };
        let server = thread::spawn(move || {
            // A connection without a request ends it; one that breaks is the client's affair.
            while let Ok((stream, _)) = listener.accept() {
                if matches!(answers.answer(stream), Ok(false)) {
                    break;
                }
            }
        });
        Ok(Self { address, server: Some(server) })
    }

    /// What `HF_ENDPOINT` has to be.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for LocalHub {
    fn drop(&mut self) {
        if TcpStream::connect(self.address).is_ok()
            && let Some(server) = self.server.take()
        {
            // It has nothing to say.
            let _ = server.join();
        }
    }
}

struct Answers {
    folder: PathBuf,
    /// What was asked for and given.
    given: HashSet<String>,
}

impl Answers {
    /// Answers one request; false where there was none.
    fn answer(&mut self, mut stream: TcpStream) -> std::io::Result<bool> {
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        let Some(request) = lines.next() else { return Ok(false) };
        let request = request?;
        // All of them, or the client's next write would find the connection closed.
        let headers: Vec<String> =
            lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
        let range = headers.iter().find(|line| line.to_lowercase().starts_with("range:"));
        let path = request.split(' ').nth(1).unwrap_or_default();
        let asked = format!("{path} {}", range.map_or("", String::as_str));
        stream.write_all(&self.response(path, asked)?)?;
        Ok(true)
    }

    /// The answer to a request for `path`.
    fn response(&mut self, path: &str, asked: String) -> std::io::Result<Vec<u8>> {
        if path.contains("/api/") {
            let body = fs_err::read(self.folder.join(LISTING))?;
            let headers = format!("Content-Length: {}\r\n", body.len());
            return Ok(self.once(asked, "200 OK", headers.as_bytes(), &body));
        }
        let name = path.rsplit('/').next().unwrap_or_default();
        let Ok(body) = fs_err::read(self.folder.join(FILES).join(name)) else {
            return Ok(with_status("404 Not Found", b"Content-Length: 0\r\n", b""));
        };
        let about = [
            ("LENGTH", body.len().to_string()),
            ("CHECKSUM", sha256(&body)),
            ("NAME", name.to_owned()),
        ];
        let headers = |file: &str| {
            let headers = fs_err::read(self.folder.join(file))?;
            let filled = about.iter().fold(headers, |text, (from, to)| replaced(&text, from, to));
            Ok::<_, std::io::Error>(filled)
        };
        if path.starts_with(LED_TO) || !self.folder.join(REDIRECT).exists() {
            let headers = headers(HEADERS)?;
            return Ok(self.once(asked, "200 OK", &headers, &body));
        }
        Ok(self.once(asked, "302 Found", &headers(REDIRECT)?, b""))
    }

    /// The same is given once. A client tries again what may pass, and waits before: it hears then that there
    /// is no such thing.
    fn once(&mut self, asked: String, status: &str, headers: &[u8], body: &[u8]) -> Vec<u8> {
        match self.given.insert(asked) {
            true => with_status(status, headers, body),
            false => with_status("404 Not Found", b"Content-Length: 0\r\n", b""),
        }
    }
}

fn with_status(status: &str, headers: &[u8], body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
    [head.as_bytes(), headers, b"\r\n", body].concat()
}

fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let mut result = Vec::new();
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        match rest.strip_prefix(from.as_bytes()) {
            Some(after) => {
                result.extend_from_slice(to.as_bytes());
                rest = after;
            }
            None => {
                result.push(*first);
                rest = after;
            }
        }
    }
    result
}

#[cfg(test)]
mod tests;
