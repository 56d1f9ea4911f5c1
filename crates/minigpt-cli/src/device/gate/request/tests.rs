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
    refused(&request(SESSION, "rebound.example.org:7000", ""), true, "host rebound.example.org");
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
