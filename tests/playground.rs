//! The playground's numbers against those of the commands, and its page in Chromium.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::served::{Served, two_models};
use crate::smollm2::smollm2;
use crate::support::Sandbox;

/// Asks the server, and gives the JSON of its answer.
#[track_caller]
fn ask(served: &Served, method: &str, path: &str, body: &Value) -> Value {
    let host = served.address.trim_start_matches("http://");
    let body = if method == "GET" { String::new() } else { body.to_string() };
    let mut stream = TcpStream::connect(host).unwrap();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{path}: {head}\n{body}");
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{path}: {error}: {body}"))
}

fn command(sandbox: &Sandbox, args: &[&str]) -> Value {
    let json = sandbox.succeeds(&[args, &["--device", "cpu", "--json"]].concat());
    serde_json::from_str(&json).unwrap()
}

/// Holds the playground's numbers about a model against `generate --logprobs` and `attention --json`.
fn numbers_are_the_commands(sandbox: &Sandbox, model: &str, prompt: &str) {
    let served = Served::start(sandbox, &[model]);
    let id = ask(&served, "GET", "/api/models", &Value::Null)["models"][0]["id"].clone();
    let post = |path: &str, body: Value| ask(&served, "POST", path, &body);

    let generate = [
        "generate",
        model,
        "--raw",
        "--prompt",
        prompt,
        "--greedy",
        "--max-tokens",
        "8",
        "--logprobs",
    ];
    let written = command(sandbox, &generate);
    let written = written["log_probabilities"].as_array().unwrap();
    let read = post("/api/read", json!({"model": id, "text": prompt}));
    let ids = |tokens: &[Value]| tokens.iter().map(|token| token["id"].clone()).collect::<Vec<_>>();
    let before = ids(read["tokens"].as_array().unwrap());
    assert_eq!(read["labels"][0]["id"], written[0]["id"], "the most probable token");
    let tokens = [before.clone(), ids(written)].concat();
    let read = post("/api/read", json!({"model": id, "tokens": tokens}));
    for (found, expected) in read["tokens"].as_array().unwrap()[before.len()..].iter().zip(written)
    {
        assert_eq!((&found["label"], &found["rank"]), (&expected["token"], &json!(1)));
        let [nats, expected] =
            [&found["nats"], &expected["log_probability"]].map(|n| n.as_f64().unwrap());
        assert!((nats + expected).abs() < 1e-6, "{found}: {expected}");
    }

    let attention = [
        "attention",
        model,
        prompt,
        "--tokens",
        "1",
        "--layer",
        "1",
        "--windows",
        "4",
        "--out",
        "maps",
    ];
    let report = command(sandbox, &attention);
    let found = post("/api/attention", json!({"model": id, "tokens": before, "layer": 1}));
    let maps = report["steps"][0]["maps"].as_array().unwrap();
    assert_eq!(found["heads"].as_array().unwrap().len(), maps.len());
    for (head, map) in found["heads"].as_array().unwrap().iter().zip(maps) {
        for (place, row) in head.as_array().unwrap().iter().enumerate() {
            assert_eq!(
                row.as_array().unwrap()[..],
                map["weights"][place].as_array().unwrap()[..=place]
            );
        }
    }
    // A run's habits are measured by the command on the run's own text.
    if !model.starts_with("runs/") {
        let id = id.as_str().unwrap();
        let habits = ask(&served, "GET", &format!("/api/habits?model={id}"), &Value::Null);
        assert_eq!(habits["heads"], report["habits"]);
    }

    let span = json!({"model": id, "tokens": before, "from": before.len() - 1, "to": before.len()});
    let lens = post("/api/lens", span);
    let last = &lens["layers"].as_array().unwrap().last().unwrap()["positions"][0][0];
    assert_eq!(last["id"], written[0]["id"]);
    let certainty = written[0]["log_probability"].as_f64().unwrap().exp();
    assert!(
        (last["probability"].as_f64().unwrap() - certainty).abs() < 1e-6,
        "{last}: {certainty}"
    );
}

#[test]
fn the_playgrounds_numbers_are_those_of_the_commands() {
    let sandbox = two_models();
    for model in ["answers", "runs/continues"] {
        numbers_are_the_commands(&sandbox, model, "In the morning Anne");
    }
}

#[test]
fn the_playgrounds_numbers_are_those_of_the_commands_on_smollm2() {
    let Some(path) = smollm2() else { return };
    let prompt = "The capital of France is Paris. The capital of";
    numbers_are_the_commands(&Sandbox::new(), path.to_str().unwrap(), prompt);
}

#[test]
fn the_playground_is_stepped_through_and_looked_into() {
    let Some(browser) = Browser::find("the playground") else { return };
    let sandbox = two_models();
    let mut served = Served::start(&sandbox, &["answers", "runs/continues"]);
    browser.run("playground.py", &mut served, &[]);
}
