//! A run watched while it trains: `train --serve`.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::served::Served;
use crate::support::{Sandbox, prose};

/// The command that trains a tiny model for so many steps.
pub(crate) fn train<'a>(name: &'a str, steps: &'a str, learning_rate: &'a str) -> Vec<&'a str> {
    let command =
        "train --preset tiny --data prose.txt --tokenizer bpe:300 --device cpu --eval-every 10";
    let own = ["--name", name, "--max-steps", steps, "--learning-rate", learning_rate];
    command.split(' ').chain(own).collect()
}

/// Two runs that differ in their learning rate alone.
pub(crate) fn slow_and_fast() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    sandbox.succeeds(&train("slow", "20", "0.0001"));
    sandbox.succeeds(&train("fast", "20", "0.01"));
    sandbox
}

fn asked(served: &Served, path: &str) -> Value {
    let (status, body) = served.get(path);
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap()
}

#[test]
fn a_run_is_watched_while_it_trains_and_until_it_ends() {
    let sandbox = slow_and_fast();
    let mut served = Served::training(&sandbox, &train("live", "400", "0.001"));
    let began = Instant::now();
    let rows = |after: usize| {
        let answer = asked(&served, &format!("/api/runs/live/metrics?after={after}"));
        answer["rows"].as_array().unwrap().clone()
    };
    // The address is told before the first step, and the folder is made with it.
    while served.get("/api/runs/live/metrics").0 != 200 || rows(0).len() < 20 {
        assert!(began.elapsed() < Duration::from_secs(60), "no rows come");
        std::thread::sleep(Duration::from_millis(20));
    }
    let runs = asked(&served, "/api/runs");
    let [live, fast] = [&runs["runs"][0], &runs["runs"][1]];
    assert_eq!((&runs["current"], &live["name"]), (&json!("live"), &json!("live")));
    assert_eq!((&live["state"], &live["steps"]), (&json!("training"), &json!(400)));
    assert_eq!((&fast["name"], &fast["state"]), (&json!("fast"), &json!("finished")));
    let first = rows(0);
    let more = rows(first.len() - 1);
    assert_eq!(more[0], first[first.len() - 1], "rows keep their numbers");
    assert_eq!(asked(&served, "/api/runs/live/samples")[0]["step"], 10);
    let details = asked(&served, "/api/runs/live");
    assert_eq!(details["config"]["schedule"]["learning_rate"], 0.001);
    assert!(served.get("/runs").1.contains("<title>Runs"));
    // No model is served.
    assert_eq!(asked(&served, "/v1/models")["data"], Value::Array(Vec::new()));

    assert!(served.wait().success(), "it ends with the run");
    assert!(sandbox.path("runs/live/summary.json").is_file());
}

#[test]
fn an_address_that_cannot_be_had_is_told_before_a_run_begins() {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap().to_string();
    for (address, told) in [
        (taken.as_str(), "in use"),
        ("runs/base", "expected HOST:PORT"),
        ("0.0.0.0:0", "other machines reach this address"),
    ] {
        let error =
            sandbox.fails(&[&train("none", "5", "0.001")[..], &["--serve", address]].concat());
        assert!(error.contains("--serve") && error.contains(told), "{error}");
        assert!(!sandbox.path("runs").exists());
    }
}
