//! Whether a worker answers, asked with a time limit, which burn's own connection does not have.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::thread;
use std::time::{Duration, Instant};

use minigpt_files::excerpt;

/// How long a worker may take to listen, which one that was started with the run does not do at once.
const CONNECT: Duration = Duration::from_secs(5);

/// How long it may take to answer.
const ANSWER: Duration = Duration::from_secs(5);

/// Bytes of an answer's first line.
const LINE: usize = 1024;

/// What a client of burn's asks first.
const REQUEST: &str = "GET /session HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// Why there is no worker at `address`, or nothing where one answers.
pub(super) fn probe(address: &str) -> Result<(), String> {
    within(address, CONNECT, ANSWER)
}

/// As [`probe`], of one that listened before: no longer than that for a connection, and again for the answer.
pub(super) fn probe_within(address: &str, patience: Duration) -> Result<(), String> {
    within(address, patience, patience)
}

fn within(address: &str, connect: Duration, answer: Duration) -> Result<(), String> {
    let places: Vec<SocketAddr> =
        address.to_socket_addrs().map_err(|error| error.to_string())?.collect();
    let mut stream = connected(&places, connect)?;
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
    let line = first_line(&mut stream, answer).map_err(broken)?;
    match line.starts_with("HTTP/1.1 101 ") {
        true => Ok(()),
        false => Err(format!("it is no worker: its answer is \"{}\"", excerpt(&line))),
    }
}

/// Connects to the first of several places that takes it, and tries again while none does.
fn connected(places: &[SocketAddr], patience: Duration) -> Result<TcpStream, String> {
    let began = Instant::now();
    let mut reason = "it has no address".to_owned();
    loop {
        for place in places {
            let left = patience.saturating_sub(began.elapsed()).max(Duration::from_millis(1));
            match TcpStream::connect_timeout(place, left) {
                Ok(stream) => return Ok(stream),
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

/// The first line of an answer, or the start of a long one.
fn first_line(stream: &mut TcpStream, patience: Duration) -> std::io::Result<String> {
    let began = Instant::now();
    let (mut bytes, mut byte) = (Vec::new(), [0]);
    while bytes.len() < LINE && bytes.last() != Some(&b'\n') {
        if began.elapsed() > patience {
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
