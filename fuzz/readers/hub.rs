//! What a server answers that says it is the hub.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use minigpt_data::{Hub, ModelSource};

/// True where a model is downloaded from a hub whose answers are these bytes: up to the first NUL what it
/// says of the repository, up to the second the headers that come with every file, then every file. `ROOT`
/// in them is the folder that the cache is in, and nothing but the cache may be in it afterwards.
///
/// The hub is a thread that listens on this machine alone.
pub(crate) fn hub(bytes: &[u8]) -> bool {
    let root = tempfile::tempdir().expect("a temporary folder");
    let root_name = root.path().to_str().expect("a path in UTF-8");
    let answers = bytes.splitn(3, |byte| *byte == 0);
    let mut answers = answers.map(|part| replaced(part, b"ROOT", root_name.as_bytes()));
    let mut next = || answers.next().unwrap_or_default();
    let answers = Answers { repository: next(), headers: next(), file: next() };
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let server = std::thread::spawn(move || {
        // An empty request ends the hub.
        while let Ok((stream, _)) = listener.accept() {
            if answers.answer(stream).is_none() {
                break;
            }
        }
    });
    let mut hub = Hub::from_env();
    hub.endpoint = format!("http://{address}");
    hub.cache = Some(root.path().join("cache"));
    (hub.token, hub.offline, hub.retries) = (None, false, 0);
    let model: ModelSource = "hf:owner/model".parse().expect("a model");
    let is_read = model.fetch(&hub, &mut |_| {}).is_ok();
    drop(TcpStream::connect(address));
    server.join().expect("a server that ends");
    let names = names(root.path());
    assert!(names.iter().all(|name| name == "cache"), "{names:?} were written beside the cache");
    is_read
}

struct Answers {
    repository: Vec<u8>,
    headers: Vec<u8>,
    file: Vec<u8>,
}

impl Answers {
    /// Answers one request; none where there was no request.
    fn answer(&self, mut stream: TcpStream) -> Option<()> {
        let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
        let request = lines.next()?.ok()?;
        // All of them, or the client's next write would find the connection closed.
        let headers: Vec<_> =
            lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
        let is_part = headers.iter().any(|line| line.to_lowercase().starts_with("range:"));
        let (headers, body) = match request.contains("/api/") {
            true => (&b"Content-Type: application/json\r\n"[..], &self.repository),
            false => (&self.headers[..], &self.file),
        };
        let status = if is_part { "206 Partial Content" } else { "200 OK" };
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\
             Content-Range: bytes 0-{}/{length}\r\n",
            length.saturating_sub(1)
        );
        // Who asked may have gone already.
        let _ = stream.write_all(&[head.as_bytes(), headers, b"\r\n", body].concat());
        Some(())
    }
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut result = Vec::new();
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        match rest.strip_prefix(from) {
            Some(after) => {
                result.extend_from_slice(to);
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

fn names(folder: &Path) -> Vec<String> {
    let entries = fs_err::read_dir(folder).expect("a folder");
    entries.map(|entry| entry.expect("a file").file_name().to_string_lossy().into_owned()).collect()
}
