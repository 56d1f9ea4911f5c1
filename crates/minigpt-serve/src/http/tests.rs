use std::io::{Read, Write};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::testing::Server;
use crate::{Limits, Settings};

fn long_text(stream: bool) -> serde_json::Value {
    json!({"model": "tiny", "prompt": "Once", "max_tokens": 4096, "stream": stream, "seed": 1})
}

#[test]
fn what_is_not_there_is_told_in_openais_form() {
    let server = Server::start();
    assert_eq!(server.get("/health").json(), json!({"status": "ok"}));
    let lost = server.get("/v2/models");
    assert_eq!((lost.status, lost.message().contains("/openapi.json")), (404, true));
    let wrong = server.ask("DELETE /v1/models", &[], "");
    assert_eq!((wrong.status, wrong.message().contains("does not take this method")), (405, true));
    assert!(wrong.head.contains("allow: get"), "{wrong:?}");
}

#[test]
fn metrics_count_by_route_and_model() {
    let server = Server::start();
    server.post("/v1/completions", &json!({"model": "tiny", "prompt": "Once", "max_tokens": 3}));
    for path in ["/v1/models/a", "/v1/models/b", "/a", "/b"] {
        assert_eq!(server.get(path).status, 404);
    }
    let metrics = server.get("/metrics");
    assert!(metrics.head.contains("content-type: text/plain; version=0.0.4"));
    for line in [
        "minigpt_requests_waiting 0",
        "minigpt_requests_total{route=\"/v1/completions\",status=\"200\"} 1",
        "minigpt_requests_total{route=\"/v1/models/{id}\",status=\"404\"} 2",
        "minigpt_requests_total{route=\"none\",status=\"404\"} 2",
        "minigpt_prompt_tokens_total{model=\"tiny\"} 4",
        "minigpt_written_tokens_total{model=\"tiny\"} 3",
    ] {
        assert!(metrics.body.lines().any(|found| found == line), "{line}\n{}", metrics.body);
    }
}

#[test]
fn clients_that_vanish_end_their_texts() {
    let server = Server::start();
    for stream in [false, true] {
        let mut client = server.connect();
        let body = long_text(stream).to_string();
        let head =
            "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json";
        let length = body.len();
        write!(client, "{head}\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
        let began = Instant::now();
        while server.engine.counts().running == 0 {
            assert!(began.elapsed() < Duration::from_secs(60), "it does not begin");
            std::thread::sleep(Duration::from_millis(1));
        }
        drop(client);
        server.wait_until_idle();
        assert!(server.engine.counts().written < 4096, "it went on");
    }
}

#[test]
fn slow_and_broken_clients_are_left_in_time() {
    let patience = Duration::from_millis(500);
    let server = Server::with(Settings { patience, ..Settings::default() }, Limits::default());
    let began = Instant::now();
    // Half a head, no head at all, half a body, and a byte at a time.
    let mut halves: Vec<_> = (0..4).map(|_| server.connect()).collect();
    let head = "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json";
    halves[0].write_all(b"POST /v1/comp").unwrap();
    write!(halves[2], "{head}\r\nContent-Length: 100\r\n\r\n{{\"model\"").unwrap();
    write!(halves[3], "{head}\r\nContent-Length: 100\r\n\r\n").unwrap();
    for _ in 0..20 {
        // Refused once it took too long.
        let _ = halves[3].write_all(b"a");
        std::thread::sleep(Duration::from_millis(50));
    }
    for (number, client) in halves.iter_mut().enumerate() {
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).ok();
        let answer = String::from_utf8_lossy(&answer);
        assert!(number < 2 || answer.starts_with("HTTP/1.1 408"), "{number}: {answer}");
    }
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn an_answer_ends_after_the_server_was_asked_to_stop() {
    let mut server = Server::start();
    let mut client = server.connect();
    let body = json!({"model": "tiny", "prompt": "Once", "max_tokens": 300, "stream": true});
    let body = body.to_string();
    let head = "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json";
    write!(client, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut first = [0; 64];
    client.read_exact(&mut first).unwrap();
    server.stop();
    let mut rest = String::new();
    client.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("data: [DONE]"), "{rest}");
    assert!(std::net::TcpStream::connect(server.address).is_err(), "it still listens");
}

#[test]
fn answers_that_take_too_long_are_cut_off_at_the_end() {
    let settings = Settings { stop_within: Duration::from_millis(300), ..Settings::default() };
    let mut server = Server::with(settings, Limits::default());
    let mut client = server.connect();
    let body = json!({"model": "tiny", "prompt": "Once", "max_tokens": 4096, "n": 8}).to_string();
    let head = "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json";
    write!(client, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    while server.engine.counts().running == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let began = Instant::now();
    server.stop();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    server.wait_until_idle();
}
