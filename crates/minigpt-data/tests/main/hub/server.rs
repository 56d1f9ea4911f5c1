//! A server that answers as the hub does, as far as we ask, and goes wrong where it is told to.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use minigpt_data::{Corpus, DataError, Hub, ReadOptions, Source};

pub(super) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What goes wrong with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Status(u16),
    /// The connection ends after half of the bytes.
    BreakOff,
    /// All bytes come, but not the right ones.
    WrongBytes,
}

#[derive(Default)]
pub(super) struct State {
    /// Repository and file to contents, "datasets/o/d/train.txt" for instance.
    files: BTreeMap<String, Vec<u8>>,
    /// A part of the path that is asked for, and what happens then, once each.
    pub(super) faults: Vec<(&'static str, Fault)>,
    /// The request lines with the range and the token.
    requests: Vec<String>,
    /// What is answered instead of the commit and of each checksum.
    pub(super) commit: Option<&'static str>,
    pub(super) checksum: Option<&'static str>,
}

/// Answers as the hub does, as far as hf-hub asks.
pub(super) struct Server {
    pub(super) address: String,
    pub(super) state: Arc<Mutex<State>>,
    pub(super) cache: tempfile::TempDir,
}

impl Server {
    pub(super) fn new(files: &[(&str, &[u8])]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let files = files.iter().map(|(name, bytes)| (name.to_string(), bytes.to_vec())).collect();
        let state = Arc::new(Mutex::new(State { files, ..State::default() }));
        let (shared, own) = (Arc::clone(&state), address.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(&shared, &own, stream.unwrap());
            }
        });
        Self { address, state, cache: tempfile::tempdir().unwrap() }
    }

    pub(super) fn wikitext() -> Self {
        let line = |text: &str| format!("{{\"text\": \"{text}\"}}\n").repeat(2000).into_bytes();
        Self::new(&[
            ("datasets/o/d/README.md", b"not data"),
            ("datasets/o/d/small/train-00000-of-00002.jsonl", &line("one")),
            ("datasets/o/d/small/train-00001-of-00002.jsonl", &line("two")),
            ("datasets/o/d/small/validation-00000-of-00001.jsonl", &line("held out")),
            ("datasets/o/d/small/test-00000-of-00001.jsonl", &line("last")),
            ("datasets/o/d/large/train.jsonl", &line("large")),
        ])
    }

    pub(super) fn fault(&self, path: &'static str, faults: &[Fault]) {
        let mut state = self.state.lock().unwrap();
        state.faults.extend(faults.iter().map(|fault| (path, *fault)));
    }

    pub(super) fn requests(&self, part: &str) -> Vec<String> {
        let state = self.state.lock().unwrap();
        state.requests.iter().filter(|request| request.contains(part)).cloned().collect()
    }

    pub(super) fn options(&self) -> ReadOptions {
        let hub = Hub {
            endpoint: self.address.clone(),
            cache: Some(self.cache.path().join("hub")),
            token: Some("secret".to_owned()),
            offline: false,
            retries: 2,
            pause: Duration::from_millis(1),
            timeout: Duration::from_secs(5),
        };
        ReadOptions { hub, ..ReadOptions::default() }
    }

    pub(super) fn read(&self, source: &str) -> Result<Corpus, DataError> {
        source.parse::<Source>().unwrap().read(&self.options())
    }
}

fn answer(state: &Mutex<State>, address: &str, mut stream: TcpStream) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let Some(Ok(request)) = lines.next() else { return };
    let (mut range, mut token) = (0, String::new());
    let mut is_probe = false;
    for line in lines.map_while(Result::ok).take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").unwrap();
        match name.to_lowercase().as_str() {
            "range" => {
                is_probe = value == "bytes=0-0";
                let from = value.trim_start_matches("bytes=").split('-').next();
                range = from.unwrap().parse().unwrap();
            }
            "authorization" => token = value.to_owned(),
            _ => {}
        }
    }
    let path = request.split(' ').nth(1).unwrap().to_owned();
    let mut state = state.lock().unwrap();
    state.requests.push(format!("{path} from {range} with {token}"));
    let fault = state.faults.iter().position(|(part, fault)| {
        path.contains(part) && (!is_probe || matches!(fault, Fault::Status(_)))
    });
    // A redirected request fails where it is led to.
    let is_led_on = path.contains("/resolve/") && path.ends_with("jsonl");
    let fault = fault.filter(|_| !is_led_on).map(|at| state.faults.remove(at).1);
    let mut send = |status: u16, headers: &str, length: usize, body: &[u8]| {
        let head = format!(
            "HTTP/1.1 {status} -\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n"
        );
        // The client may have gone already.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    };
    if let Some(Fault::Status(status)) = fault {
        return send(status, "", 0, b"");
    }
    if let Some(repo) = path.strip_prefix("/api/").and_then(|path| path.split_once("/revision/")) {
        let prefix = repo.0.trim_start_matches("models/");
        let names = state.files.keys().filter_map(|file| file.strip_prefix(&format!("{prefix}/")));
        let siblings: Vec<_> = names.map(|name| format!("{{\"rfilename\": {name:?}}}")).collect();
        let commit = state.commit.unwrap_or(COMMIT);
        let body = format!("{{\"sha\": {commit:?}, \"siblings\": [{}]}}", siblings.join(","));
        let found = if siblings.is_empty() { 404 } else { 200 };
        return send(found, "Content-Type: application/json\r\n", body.len(), body.as_bytes());
    }
    let file = path.replace(&format!("/resolve/{COMMIT}"), "").replace("/cdn", "");
    let Some(bytes) = state.files.get(&file[1..]) else { return send(404, "", 0, b"") };
    let etag = state.checksum.map_or_else(|| minigpt_files::sha256(bytes), str::to_owned);
    if is_led_on {
        let headers = format!(
            "Location: {address}/cdn{file}\r\nX-Linked-Etag: \"{etag}\"\r\nX-Repo-Commit: {COMMIT}\r\n"
        );
        return send(302, &headers, 0, b"");
    }
    if range >= bytes.len() {
        return send(416, "", 0, b"");
    }
    let last = if is_probe { 0 } else { bytes.len() - 1 };
    let mut body = bytes[range..=last].to_vec();
    let length = body.len();
    match fault {
        Some(Fault::BreakOff) => body.truncate(length / 2),
        Some(Fault::WrongBytes) => body[0] ^= 1,
        _ => {}
    }
    let headers = format!(
        "Content-Range: bytes {range}-{last}/{}\r\nETag: \"{etag}\"\r\nX-Repo-Commit: {COMMIT}\r\n",
        bytes.len()
    );
    send(206, &headers, length, &body);
}
