//! Two processes that train one model, over the loopback.

use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use minigpt_train::Split;

use crate::support::{Sandbox, losses, prose, train_losses};

const RUN: &str =
    "train --preset tiny --data prose.txt --tokenizer bpe:300 --batch-size 6 --eval-every 4";
const TOKEN: &str = "MINIGPT_TOKEN";

/// A `minigpt worker`, which ends with its test.
struct Worker {
    process: Child,
    port: u16,
}

impl Worker {
    fn start(sandbox: &Sandbox) -> Self {
        // A port that was free a moment ago.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command =
            sandbox.command(&["worker", "--listen", &port.to_string(), "--device", "cpu"]);
        let command = command.env(TOKEN, "secret").stdout(Stdio::null()).stderr(Stdio::null());
        let worker = Self { process: command.spawn().unwrap(), port };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(30), "no worker on port {port}");
            std::thread::sleep(Duration::from_millis(50));
        }
        worker
    }

    fn device(&self) -> String {
        format!("cpu,remote:127.0.0.1:{}", self.port)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn two_processes_with_half_of_each_batch_train_as_one_with_the_whole() {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    let worker = Worker::start(&sandbox);
    let run = |rest: &[&str]| {
        let words: Vec<&str> = RUN.split(' ').collect();
        let output =
            sandbox.command(&[&words, rest].concat()).env(TOKEN, "secret").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    run(&["--max-steps", "8", "--name", "one", "--device", "cpu"]);
    run(&["--max-steps", "8", "--name", "two", "--devices", &worker.device()]);
    let [one, two] = ["runs/one", "runs/two"].map(|name| sandbox.path(name));
    assert_eq!(train_losses(&one).len(), 8);
    for split in [Split::Train, Split::Valid] {
        for (found, expected) in losses(&two, split).iter().zip(losses(&one, split)) {
            assert!((found - expected).abs() < 1e-4, "{found} is not {expected}");
        }
    }
}

#[test]
fn a_worker_that_dies_ends_the_run_with_its_last_checkpoint() {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    let mut worker = Worker::start(&sandbox);
    let words: Vec<&str> = RUN.split(' ').collect();
    let rest = ["--max-steps", "100000", "--name", "long", "--devices", &worker.device()];
    let mut command = sandbox.command(&[&words[..], &rest].concat());
    let command = command.env(TOKEN, "secret").stdout(Stdio::null()).stderr(Stdio::piped());
    let trainer = command.spawn().unwrap();
    let began = Instant::now();
    while !sandbox.path("runs/long/checkpoints/step-000004").exists() {
        assert!(began.elapsed() < Duration::from_secs(120), "no checkpoint");
        std::thread::sleep(Duration::from_millis(50));
    }
    worker.process.kill().unwrap();
    let output = trainer.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let last = text.trim_end().lines().last().unwrap_or_default();
    assert!(last.starts_with("error: the device failed") && last.contains("--resume"), "{text}");
    assert!(text.contains("go on: minigpt train --resume"), "{text}");
    // The weights are whole: the run goes on, on this machine alone.
    sandbox.succeeds(&["train", "--resume", "runs/long", "--device", "cpu", "--dry-run"]);
}

#[test]
fn a_worker_asks_for_its_token() {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    let error = sandbox.fails(&["worker"]);
    assert!(error.contains(TOKEN), "{error}");
    let worker = Worker::start(&sandbox);
    let words: Vec<&str> = RUN.split(' ').collect();
    let rest = ["--devices", &worker.device(), "--max-steps", "2"];
    for token in ["", "wrong"] {
        let output =
            sandbox.command(&[&words[..], &rest].concat()).env(TOKEN, token).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(
            text.trim_end().lines().last().unwrap_or_default().starts_with("error: "),
            "{text}"
        );
    }
}
