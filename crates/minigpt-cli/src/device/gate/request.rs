//! The request that opens a WebSocket connection.

use std::io::ErrorKind;
use std::net::{IpAddr, TcpStream};
use std::time::{Duration, Instant};

use minigpt_files::excerpt;

use super::read_within;

/// Bytes of a request: burn's have two hundred.
const REQUEST: usize = 8 << 10;

/// What a client wants of burn's server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// A device to compute on.
    Session,
    /// Tensors that another worker's session was promised.
    Data,
}

/// Reads a request and what it wants; `None` where the client has gone without one.
pub(super) fn read_request(
    client: &mut TcpStream,
    patience: Duration,
    is_loopback: bool,
) -> Result<Option<(Vec<u8>, Route)>, String> {
    let deadline = Instant::now() + patience;
    let mut request = Vec::new();
    let mut block = [0; 1024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        if request.len() > REQUEST {
            return Err(format!("a request of more than {REQUEST} bytes"));
        }
        match read_within(client, &mut block, deadline) {
            Ok(0) if request.is_empty() => return Ok(None),
            Ok(0) => return Err("half a request".to_owned()),
            Ok(length) => request.extend(&block[..length]),
            Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock) => {
                return Err(format!("no request within {} s", patience.as_secs_f64()));
            }
            Err(error) => return Err(error.to_string()),
        }
    }
    let route = check(&request, is_loopback)?;
    Ok(Some((request, route)))
}

/// What a whole request wants, or why it is refused.
fn check(request: &[u8], is_loopback: bool) -> Result<Route, String> {
    let text = str::from_utf8(request).map_err(|_| "a request that is not text".to_owned())?;
    let Some(text) = text.strip_suffix("\r\n\r\n") else {
        return Err("more than a request before the answer".to_owned());
    };
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let route = match first {
        "GET /session HTTP/1.1" => Route::Session,
        "GET /data HTTP/1.1" => Route::Data,
        other => return Err(format!("request \"{}\"", excerpt(other))),
    };
    let (mut host, mut is_upgrade) = (None, false);
    for line in lines {
        let (name, value) =
            line.split_once(':').ok_or_else(|| format!("header \"{}\"", excerpt(line)))?;
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            // Browsers say so, whatever a page's script asks for.
            "origin" => return Err(format!("it is a web page of {}", excerpt(value))),
            "host" if host.is_some() => return Err("two hosts".to_owned()),
            "host" => host = Some(value),
            "upgrade" => is_upgrade = value.eq_ignore_ascii_case("websocket"),
            "content-length" | "transfer-encoding" => {
                return Err("a request with a body".to_owned());
            }
            _ => {}
        }
    }
    if !is_upgrade {
        return Err("it asks for no WebSocket".to_owned());
    }
    // A name that is given this machine's address meanwhile is some web page's.
    match host {
        Some(host) if is_loopback && !is_this_machine(host) => {
            Err(format!("it asks for host {}, and this is localhost", excerpt(host)))
        }
        Some(_) => Ok(route),
        None => Err("no host".to_owned()),
    }
}

/// Whether a host, with or without its port, is a loopback address or `localhost`.
fn is_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(first: &str, host: &str, more: &str) -> Vec<u8> {
        format!("{first}\r\nHost: {host}\r\nUpgrade: websocket\r\n{more}\r\n").into_bytes()
    }

    const SESSION: &str = "GET /session HTTP/1.1";

    #[test]
    fn burns_own_requests_pass() {
        for host in ["127.0.0.1:7000", "localhost:7000", "[::1]:7000", "127.3.2.1"] {
            assert_eq!(check(&request(SESSION, host, ""), true), Ok(Route::Session), "{host}");
        }
        let data = request("GET /data HTTP/1.1", "den:7000", "");
        assert_eq!(check(&data, false), Ok(Route::Data));
    }

    #[test]
    fn a_web_page_does_not_pass() {
        let refused = |request: &[u8], is_loopback, reason: &str| {
            let error = check(request, is_loopback).unwrap_err();
            assert!(error.contains(reason), "{error}");
        };
        let page = "Origin: https://example.org\r\n";
        for is_loopback in [true, false] {
            refused(&request(SESSION, "localhost:7000", page), is_loopback, "a web page of https");
        }
        refused(
            &request(SESSION, "rebound.example.org:7000", ""),
            true,
            "host rebound.example.org",
        );
        refused(&request(SESSION, "localhost.example.org", ""), true, "this is localhost");
    }

    #[test]
    fn other_requests_do_not_pass() {
        for (request, reason) in [
            (request("GET / HTTP/1.1", "localhost", ""), "request \"GET / HTTP/1.1\""),
            (request("POST /session HTTP/1.1", "localhost", ""), "POST"),
            (request(SESSION, "localhost", "Content-Length: 3\r\n"), "body"),
            (request(SESSION, "localhost", "Host: den\r\n"), "two hosts"),
            (request(SESSION, "localhost", "\u{1b}[31m\r\n"), "header \"\\u{1b}[31m\""),
            (b"GET /session HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(), "no WebSocket"),
            (b"GET /session HTTP/1.1\r\nUpgrade: websocket\r\n\r\n".to_vec(), "no host"),
            ([request(SESSION, "localhost", ""), vec![0x82]].concat(), "not text"),
            ([request(SESSION, "localhost", ""), vec![1]].concat(), "more than a request"),
        ] {
            let error = check(&request, true).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}
