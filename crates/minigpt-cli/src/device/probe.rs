//! Whether a worker answers, asked with a time limit, which burn's own connection does not have.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::thread;
use std::time::{Duration, Instant};

use minigpt_files::excerpt;

use super::gate::START;

/// How long a worker may take to listen, which one that was started with the run does not do at once.
const CONNECT: Duration = Duration::from_secs(5);

/// How long it may take to answer.
const ANSWER: Duration = Duration::from_secs(5);

/// Bytes of a line of an answer.
const LINE: usize = 1024;

/// What a client of burn's asks first.
const REQUEST: &str = "GET /session HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// A worker that was found. Its name is looked up once: an outage of the name service ends no run, and the name may
/// be another machine's later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// As it was given.
    address: String,
    place: SocketAddr,
    /// What tells it from one that is started later at the same place.
    start: Option<String>,
}

/// The worker at `address`, or why there is none.
pub(super) fn find(address: &str) -> Result<Found, String> {
    let places = address.to_socket_addrs().map_err(|error| error.to_string())?;
    let places: Vec<SocketAddr> = places.collect();
    ask(address, &places, CONNECT, ANSWER)
}

impl Found {
    /// Where it is, as it was given.
    #[cfg_attr(not(feature = "remote"), allow(dead_code, reason = "only errors say it"))]
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Why it is no longer there, or nothing where it is: no longer than `patience` for a connection, and again for
    /// the answer.
    pub(super) fn answers_within(&self, patience: Duration) -> Result<(), String> {
        match ask(&self.address, &[self.place], patience, patience)? {
            found if found == *self => Ok(()),
            _ => Err("another was started in its place, which knows nothing of the run".to_owned()),
        }
    }
}

/// The worker that answers at one of the `places` of `address`.
fn ask(
    address: &str,
    places: &[SocketAddr],
    connect: Duration,
    answer: Duration,
) -> Result<Found, String> {
    let (mut stream, place) = connected(places, connect)?;
    let seconds = answer.as_secs_f64();
    let broken = |error: std::io::Error| match error.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => format!("no answer within {seconds} s"),
        _ => error.to_string(),
    };
    stream
        .set_read_timeout(Some(answer))
        .and_then(|()| stream.set_write_timeout(Some(answer)))
        .and_then(|()| write!(stream, "{REQUEST}Host: {address}\r\n\r\n"))
        .map_err(broken)?;
    let deadline = Instant::now() + answer;
    let line = next_line(&mut stream, deadline).map_err(broken)?;
    if !line.starts_with("HTTP/1.1 101 ") {
        return Err(format!("it is not a worker: its answer is \"{}\"", excerpt(&line)));
    }
    let mut start = None;
    loop {
        let line = next_line(&mut stream, deadline).map_err(broken)?;
        match line.split_once(": ") {
            Some((START, value)) => start = Some(value.to_owned()),
            _ if line.is_empty() => return Ok(Found { address: address.to_owned(), place, start }),
            _ => {}
        }
    }
}

/// Connects to the first of several places that takes it, and tries again while none does.
fn connected(places: &[SocketAddr], patience: Duration) -> Result<(TcpStream, SocketAddr), String> {
    let began = Instant::now();
    let mut reason = "it has no address".to_owned();
    loop {
        for place in places {
            let left = patience.saturating_sub(began.elapsed()).max(Duration::from_millis(1));
            match TcpStream::connect_timeout(place, left) {
                Ok(stream) => return Ok((stream, *place)),
                Err(error) if error.kind() == ErrorKind::TimedOut => {
                    reason = format!("no answer within {} s", patience.as_secs_f64());
                }
                Err(error) => reason = error.to_string(),
            }
        }
        if began.elapsed() + Duration::from_millis(250) >= patience || places.is_empty() {
            return Err(reason);
        }
        thread::sleep(Duration::from_millis(250));
    }
}

/// The next line of an answer without its end, or the start of a long one; an empty one at the answer's end.
fn next_line(stream: &mut TcpStream, deadline: Instant) -> std::io::Result<String> {
    let (mut bytes, mut byte) = (Vec::new(), [0]);
    while bytes.len() < LINE && bytes.last() != Some(&b'\n') {
        if Instant::now() > deadline {
            return Err(ErrorKind::TimedOut.into());
        }
        if stream.read(&mut byte)? == 0 {
            break;
        }
        bytes.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

#[cfg(test)]
mod tests;
