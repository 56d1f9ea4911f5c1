//! `minigpt serve` from end to end: its command line, and clients that others wrote.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::exchange::python;
use crate::served::{Served, two_models};
use crate::support::{Sandbox, skipped};

const PROMPT: &str = "In the morning";

/// Runs a script of `tests/python` with a server; a package that the Python lacks skips it.
#[track_caller]
fn script(name: &str, package: &str, served: &mut Served, args: &[&str]) {
    let Some(python) = python(name) else { return };
    let has_it = Command::new(&python).args(["-c", &format!("import {package}")]).output().unwrap();
    if !has_it.status.success() {
        assert!(std::env::var_os("MINIGPT_REQUIRE_PYTHON").is_none(), "no package {package}");
        return skipped(&format!("{name}: {} has no package {package}", python.display()));
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/python");
    let mut command = Command::new(python);
    command.arg(folder.join(name)).arg(&served.address).args(args);
    let output = command.env("PYTHONDONTWRITEBYTECODE", "1").output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}{errors}\nthe server said:\n{}", served.said());
}

/// What comes back for a request, as status and JSON.
fn ask(served: &Served, path: &str, key: &str, body: Option<Value>) -> (u16, Value) {
    let host = served.address.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
    let (method, body) = match body {
        Some(body) => ("POST", body.to_string()),
        None => ("GET", String::new()),
    };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    (status, serde_json::from_str(body).unwrap())
}

fn greedy(sandbox: &Sandbox, model: &str, prompt: &str) -> String {
    let args = ["generate", model, "--prompt", prompt, "--greedy", "--max-tokens", "12", "--json"];
    let json = sandbox.succeeds(&[&args[..], &["--device", "cpu"]].concat());
    let json: Value = serde_json::from_str(&json).unwrap();
    json["text"].as_str().unwrap().strip_prefix(prompt).unwrap().to_owned()
}

#[test]
fn openais_package_is_a_client() {
    let sandbox = two_models();
    let text = greedy(&sandbox, "runs/continues", PROMPT);
    let mut served = Served::start(&sandbox, &["answers", "runs/continues"]);
    let args = ["answers", "continues", PROMPT, &text];
    script("with_openai.py", "openai", &mut served, &args);
}

#[test]
fn answers_are_as_the_document_has_them() {
    let sandbox = two_models();
    let mut served = Served::start(&sandbox, &["answers"]);
    script("with_schemathesis.py", "schemathesis", &mut served, &["answers", "100"]);
}

#[test]
fn the_newest_run_and_adapters_are_served_by_name() {
    let sandbox = two_models();
    sandbox.write(
        "prose.jsonl",
        "{\"instruction\": \"Who?\", \"output\": \"Emma walked.\"}\n".repeat(20),
    );
    for name in ["first", "second"] {
        let tune = format!(
            "finetune runs/continues --task instruct --data prose.jsonl --lora 4 --max-steps 10 --device cpu --name {name}"
        );
        sandbox.succeeds(&tune.split_whitespace().collect::<Vec<_>>());
    }
    let adapters =
        ["--adapter", "a=runs/first/adapter", "--adapter", "b=runs/second/adapter@continues"];
    let served = Served::start(&sandbox, &[&["runs/continues"][..], &adapters].concat());
    let (_, models) = ask(&served, "/api/models", "", None);
    let told: Vec<_> = models["models"].as_array().unwrap().iter().collect();
    assert_eq!(told.iter().map(|model| &model["id"]).collect::<Vec<_>>(), ["continues", "a", "b"]);
    assert_eq!((&told[1]["base"], &told[1]["has_template"]), (&json!("continues"), &json!(true)));
    for (model, run) in [("a", "runs/first"), ("b", "runs/second")] {
        let body = json!({"model": model, "prompt": PROMPT, "max_tokens": 12, "temperature": 0});
        let (_, answer) = ask(&served, "/v1/completions", "", Some(body));
        let adapter = format!("{run}/adapter");
        let args = [
            "generate",
            "runs/continues",
            "--adapter",
            &adapter,
            "--raw",
            "--prompt",
            PROMPT,
            "--greedy",
            "--max-tokens",
            "12",
            "--json",
            "--device",
            "cpu",
        ];
        let alone: Value = serde_json::from_str(&sandbox.succeeds(&args)).unwrap();
        let text = format!("{PROMPT}{}", answer["choices"][0]["text"].as_str().unwrap());
        assert_eq!(alone["text"], text);
    }
    let newest = Served::start(&sandbox, &[]);
    assert_eq!(ask(&newest, "/v1/models", "", None).1["data"][0]["id"], "second");
    let other =
        sandbox.fails(&["serve", "answers", "--adapter", "a=missing", "--listen", "127.0.0.1:0"]);
    assert!(other.starts_with("error: --adapter a: "), "{other}");
    let args = ["serve", "answers", "--adapter", "a=runs/first/adapter@continues"];
    let unknown = sandbox.fails(&[&args[..], &["--listen", "127.0.0.1:0"]].concat());
    assert!(unknown.contains("no model continues is served: expected answers"), "{unknown}");
}

#[test]
fn a_question_is_answered_from_an_index() {
    let sandbox = two_models();
    sandbox.write("sea.txt", "Anne walked to the sea.\nIt was a cold morning.\n");
    sandbox.succeeds(&["index", "sea.txt"]);
    let served = Served::start(&sandbox, &["answers", "--index", "minigpt.index"]);
    let asked = |passages: Option<u32>| {
        let mut body = json!({"model": "answers", "max_tokens": 2, "seed": 1,
            "messages": [{"role": "user", "content": "Who walked to the sea?"}]});
        body["passages"] = json!(passages);
        ask(&served, "/v1/chat/completions", "", Some(body)).1
    };
    let (without, with) = (asked(None), asked(Some(3)));
    let passage = json!({"path": "sea.txt", "first_line": 1, "last_line": 2,
        "text": "Anne walked to the sea.\nIt was a cold morning."});
    assert_eq!(with["passages"], json!([passage]));
    assert!(without.get("passages").is_none());
    let tokens = |answer: &Value| answer["usage"]["prompt_tokens"].as_u64().unwrap();
    assert!(tokens(&with) > tokens(&without) + 10);
    assert_eq!(ask(&served, "/api/models", "", None).1["index"], true);
}

#[test]
fn other_machines_need_the_key() {
    let sandbox = two_models();
    let error = sandbox.fails(&["serve", "answers", "--listen", "0.0.0.0:0"]);
    assert!(error.contains("--api-key or MINIGPT_API_KEY"), "{error}");
    let served = Served::start(&sandbox, &["answers", "--api-key", "secret"]);
    assert_eq!(ask(&served, "/v1/models", "guess", None).0, 401);
    assert_eq!(ask(&served, "/v1/models", "secret", None).0, 200);
    let port = served.address.trim_start_matches("http://");
    let error = sandbox.fails(&["serve", "answers", "--listen", port]);
    assert!(error.contains("a free one"), "{error}");
}

#[cfg(unix)]
#[test]
fn sigterm_lets_an_answer_end() {
    let sandbox = two_models();
    let mut served = Served::start(&sandbox, &["answers"]);
    let host = served.address.trim_start_matches("http://").to_owned();
    let body = json!({"model": "answers", "prompt": PROMPT, "max_tokens": 300, "stream": true});
    let body = body.to_string();
    let mut stream = TcpStream::connect(&host).unwrap();
    let head =
        format!("POST /v1/completions HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json");
    write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    stream.read_exact(&mut [0; 32]).unwrap();
    let began = Instant::now();
    assert_eq!(served.end_with("-TERM"), Some(143));
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("data: [DONE]"), "{rest}");
}
