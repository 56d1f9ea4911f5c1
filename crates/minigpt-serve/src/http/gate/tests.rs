use serde_json::json;

use super::*;
use crate::Limits;
use crate::testing::Server;

fn with(settings: Settings) -> Server {
    Server::with(settings, Limits::default())
}

#[test]
fn only_clients_that_mean_this_server_are_let_through() {
    let settings = Settings { allowed_hosts: vec!["Den.local".to_owned()], ..Settings::default() };
    let server = with(settings);
    let status = |host: &str| server.ask("GET /health", &[&format!("Host: {host}")], "").status;
    for host in
        ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "127.1.2.3", "[::1]:80", "den.local."]
    {
        assert_eq!(status(host), 200, "{host}");
    }
    for host in
        ["evil.example", "localhost.evil.example", "10.0.0.1", "0.0.0.0", "[2001:db8::1]:80"]
    {
        assert_eq!(status(host), 403, "{host}");
    }
    for host in ["", "a b", "http://localhost"] {
        assert_eq!(status(host), 400, "{host}");
    }
    assert_eq!(
        server.ask("GET /health", &["Host: localhost", "Host: evil.example"], "").status,
        400
    );
    assert_eq!(server.ask("GET http://evil.example/health", &["Host: localhost"], "").status, 403);
    let refused = server.ask("GET /health", &["Host: evil.example:80"], "").message();
    assert!(refused.contains("--allow-host evil.example"), "{refused}");
}

#[test]
fn a_server_for_all_addresses_is_called_by_any_but_not_by_any_name() {
    let gate = Gate::new(&Settings::default(), "0.0.0.0:80".parse().unwrap());
    let is_host = |host: &str| gate.is_host(&host.parse().unwrap());
    assert!(is_host("10.0.0.1:80") && is_host("[2001:db8::1]") && is_host("localhost"));
    assert!(!is_host("evil.example"));
}

#[test]
fn pages_of_others_ask_only_where_they_may() {
    let settings = Settings {
        allowed_origins: vec!["https://chat.example".to_owned()],
        ..Settings::default()
    };
    let server = with(settings);
    let ask = |what: &str, origin: &str| {
        server.ask(what, &["Host: localhost:8080", &format!("Origin: {origin}")], "")
    };
    let own = ask("GET /health", "http://localhost:8080");
    assert_eq!(own.status, 200);
    assert!(!own.head.contains("access-control"), "{own:?}");
    for origin in
        ["https://evil.example", "http://localhost:3000", "null", "https://chat.example.evil"]
    {
        assert_eq!(ask("GET /health", origin).status, 403, "{origin}");
    }
    let allowed = ask("GET /health", "https://chat.example");
    assert_eq!(allowed.status, 200);
    assert!(allowed.head.contains("access-control-allow-origin: https://chat.example"));
    assert!(allowed.head.contains("vary: origin"));

    let asked = [
        "Host: localhost",
        "Origin: https://chat.example",
        "Access-Control-Request-Method: POST",
        "Access-Control-Request-Headers: authorization",
    ];
    let before = server.ask("OPTIONS /v1/completions", &asked, "");
    assert_eq!(before.status, 204);
    assert!(before.head.contains("access-control-allow-headers: authorization"), "{before:?}");
    assert!(before.head.contains("access-control-allow-methods: get, post"), "{before:?}");
}

#[test]
fn what_tells_something_needs_the_key() {
    let server = with(Settings { api_key: Some("secret".to_owned()), ..Settings::default() });
    for path in ["/v1/models", "/v1/models/tiny", "/api/models", "/metrics"] {
        let what = format!("GET {path}");
        let status = |header: &str| server.ask(&what, &[header], "").status;
        for wrong in [
            "X: y",
            "Authorization: Bearer secre",
            "Authorization: Bearer secrets",
            "Authorization: Bearer",
            "Authorization: Basic secret",
            "Authorization: secret",
        ] {
            assert_eq!(status(wrong), 401, "{path} {wrong}");
        }
        assert_eq!(status("Authorization: bearer secret"), 200, "{path}");
    }
    let refused = server.post("/v1/completions", &json!({"model": "tiny"}));
    assert_eq!(refused.status, 401);
    assert_eq!(refused.json()["error"]["code"], "invalid_api_key");
    assert!(refused.head.contains("www-authenticate: bearer"));
    for path in ["/health", "/openapi.json"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
}

#[test]
fn large_bodies_are_refused_and_others_go_on() {
    let server = with(Settings::default());
    let large = "a".repeat(BODY + 1);
    let refused = server.ask("POST /v1/completions", &["Content-Type: application/json"], &large);
    assert_eq!((refused.status, refused.message().contains("1048576 bytes")), (413, true));
    // A hundred megabytes in chunks, of which nobody said how many come.
    let mut request = b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
        Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        .to_vec();
    for _ in 0..100 {
        request.extend_from_slice(b"100000\r\n");
        request.resize(request.len() + (1 << 20), b'a');
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    assert_eq!(server.raw(&request).status, 413);
    // As large as may be, of which the JSON is not good.
    let exact = "a".repeat(BODY);
    let read = server.ask("POST /v1/completions", &["Content-Type: application/json"], &exact);
    assert_eq!(read.status, 400);
    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn every_answer_forbids_frames_and_foreign_scripts() {
    let server = with(Settings::default());
    for answer in [
        server.get("/health"),
        server.get("/nothing"),
        server.ask("GET /health", &["Host: evil.example"], ""),
    ] {
        for header in [
            "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; \
             img-src 'self' data:; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
        ] {
            assert!(answer.head.contains(header), "{header}\n{}", answer.head);
        }
    }
}
