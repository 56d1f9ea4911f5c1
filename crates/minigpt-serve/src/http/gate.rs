//! Who may ask: checks before any handler, and what every answer says to browsers.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use minigpt_files::{excerpt, sha256};
use subtle::ConstantTimeEq;
use tokio::time::timeout;

use crate::app::Settings;
use crate::error::ApiError;

/// Bytes of a request's body at most.
const BODY: usize = 1 << 20;

/// What browsers are told with every answer: no foreign script, no frame, no guessing of types.
const HEADERS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// What the checks know.
pub(super) struct Gate {
    address: IpAddr,
    hosts: Vec<String>,
    origins: Vec<String>,
    /// SHA-256 of the key: digests are equally long, whatever is guessed.
    key: Option<String>,
    patience: Duration,
}

impl Gate {
    pub(super) fn new(settings: &Settings, address: SocketAddr) -> Self {
        let lower = |names: &[String]| names.iter().map(|name| name.to_ascii_lowercase()).collect();
        Self {
            address: address.ip(),
            hosts: lower(&settings.allowed_hosts),
            origins: lower(&settings.allowed_origins),
            key: settings.api_key.as_ref().map(sha256),
            patience: settings.patience,
        }
    }

    /// Whether a client that means this host means this server. A page of `evil.example` whose name was made to lead
    /// here still says `evil.example`.
    fn is_host(&self, host: &Authority) -> bool {
        let name = host.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let name = name.strip_suffix('.').unwrap_or(&name);
        match name.parse::<IpAddr>() {
            // No name leads to an address that was written as one.
            Ok(ip) => ip.is_loopback() || ip == self.address || self.address.is_unspecified(),
            Err(_) => name == "localhost" || self.hosts.iter().any(|host| host == name),
        }
    }

    fn allows_origin(&self, origin: &str) -> bool {
        let origin = origin.to_ascii_lowercase();
        self.origins.iter().any(|allowed| allowed == "*" || *allowed == origin)
    }

    /// Checks which server the client means, and which page asks. The origin is returned where it is another's that is
    /// allowed.
    fn check(&self, request: &Request) -> Result<Option<HeaderValue>, ApiError> {
        let headers = request.headers();
        let host = only(headers, header::HOST)?;
        let host = host.and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
        let Some(host) = host else {
            return Err(ApiError::bad_request(
                "expected a header `Host` with the server's address",
            ));
        };
        let also = request.uri().authority();
        if let Some(other) =
            [Some(&host), also].into_iter().flatten().find(|host| !self.is_host(host))
        {
            return Err(refused(format!(
                "the host `{}` is not this server's: start it with --allow-host {} if it is",
                excerpt(other.as_str()),
                excerpt(other.host()),
            )));
        }
        let Some(origin) = only(headers, header::ORIGIN)? else { return Ok(None) };
        let name = origin.to_str().unwrap_or_default();
        let own = name.split_once("://").map(|(_, authority)| authority);
        if own.is_some_and(|own| own.eq_ignore_ascii_case(host.as_str())) {
            return Ok(None);
        }
        if self.allows_origin(name) {
            return Ok(Some(origin.clone()));
        }
        Err(refused(format!(
            "pages of `{}` may not ask this server: start it with --allow-origin {} if they may",
            excerpt(name),
            excerpt(name),
        )))
    }

    fn knows(&self, headers: &HeaderMap) -> bool {
        let Some(key) = &self.key else { return true };
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let given = given.and_then(|value| value.split_once(' '));
        let Some((_, given)) = given.filter(|(kind, _)| kind.eq_ignore_ascii_case("bearer")) else {
            return false;
        };
        sha256(given.trim()).as_bytes().ct_eq(key.as_bytes()).into()
    }
}

/// A header that may come once.
fn only(headers: &HeaderMap, name: HeaderName) -> Result<Option<&HeaderValue>, ApiError> {
    let mut values = headers.get_all(&name).iter();
    match (values.next(), values.next()) {
        (first, None) => Ok(first),
        _ => Err(ApiError::bad_request(format!("expected one header `{name}`, found several"))),
    }
}

fn refused(message: String) -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, message)
}

/// Lets through what means this server and is of no foreign page; answers browsers that ask beforehand.
pub(super) async fn check_place(
    State(gate): State<Arc<Gate>>,
    request: Request,
    next: Next,
) -> Response {
    let origin = match gate.check(&request) {
        Ok(origin) => origin,
        Err(error) => return error.into_response(),
    };
    let Some(origin) = origin else { return next.run(request).await };
    let asked = request.headers().get(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if request.method() == Method::OPTIONS && asked.is_some() {
        let wanted = request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
        let mut response = StatusCode::NO_CONTENT.into_response();
        let headers = response.headers_mut();
        let methods = HeaderValue::from_static("GET, POST");
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        headers.extend(wanted.map(|wanted| (header::ACCESS_CONTROL_ALLOW_HEADERS, wanted)));
        response
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    response
}

/// Lets through whoever knows the key, where there is one.
pub(super) async fn check_key(
    State(gate): State<Arc<Gate>>,
    request: Request,
    next: Next,
) -> Response {
    if gate.knows(request.headers()) {
        return next.run(request).await;
    }
    let message = "expected the server's API key in a header `Authorization: Bearer KEY`";
    ApiError::new(StatusCode::UNAUTHORIZED, message).with_code("invalid_api_key").into_response()
}

/// Reads a request's body whole, within bounds, so that no handler waits for a slow client.
pub(super) async fn read_body(
    State(gate): State<Arc<Gate>>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let mut read = Read::default();
    let in_time = timeout(gate.patience, read.all(body)).await;
    match (in_time, read.is_too_large) {
        (_, true) => {
            let message = format!("the request is too large: expected {BODY} bytes at most");
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, message).into_response()
        }
        (Ok(Ok(())), false) => {
            let body = Body::from(Bytes::from(read.bytes));
            next.run(Request::from_parts(parts, body)).await
        }
        (Ok(Err(_)), false) => {
            ApiError::bad_request("the request's body ended before its end").into_response()
        }
        (Err(_), false) => {
            let seconds = gate.patience.as_secs();
            let message = format!("the request's body took longer than {seconds} s");
            ApiError::new(StatusCode::REQUEST_TIMEOUT, message).into_response()
        }
    }
}

/// A body as far as it has come.
#[derive(Default)]
struct Read {
    bytes: Vec<u8>,
    is_too_large: bool,
}

impl Read {
    /// What is too much is read and forgotten: a client that is cut off while it sends hears no reason.
    async fn all(&mut self, body: Body) -> Result<(), axum::Error> {
        let mut parts = body.into_data_stream();
        while let Some(part) = parts.next().await {
            let part = part?;
            self.is_too_large |= self.bytes.len() + part.len() > BODY;
            if self.is_too_large {
                self.bytes = Vec::new();
            } else {
                self.bytes.extend_from_slice(&part);
            }
        }
        Ok(())
    }
}

/// Adds what browsers are told.
pub(super) async fn protect(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests;
