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
mod tests;
