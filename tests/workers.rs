//! Runs over two processes: what a worker lends, and what becomes of a run when it dies.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use minigpt_train::Split;

use crate::support::{Sandbox, assert_close, losses, prose, train_losses};

/// Without dropout, whose chances differ between devices.
const RUN: &str = "train --preset tiny --data prose.txt --tokenizer bpe:300 --dropout 0 --batch-size 6 \
    --max-steps 8 --eval-every 4 --set sample.max_tokens=4";

const TOKEN: &str = "MINIGPT_TOKEN";

/// A process that lends its processor on loopback.
struct Worker {
    child: Child,
    address: String,
    /// Kept open: what it says goes there.
    _errors: BufReader<ChildStderr>,
}

impl Worker {
    fn start(sandbox: &Sandbox, token: &str) -> Self {
        let mut child = sandbox
            .command(&["worker", "--listen", "127.0.0.1:0", "--device", "cpu"])
            .env(TOKEN, token)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let (mut text, mut address) = (String::new(), None);
        while address.is_none() && errors.read_line(&mut text).unwrap() > 0 {
            let after = text.split_once("listening at ").and_then(|(_, rest)| rest.split_once(','));
            address = after.map(|(address, _)| address.to_owned());
        }
        let address = address.unwrap_or_else(|| panic!("no address in:\n{text}"));
        Self { child, address, _errors: errors }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // One that a test has killed is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    sandbox
}

fn words(command: &str) -> Vec<&str> {
    command.split_whitespace().collect()
}

#[test]
fn two_processes_with_half_of_each_batch_train_as_one_with_the_whole() {
    let sandbox = sandbox();
    let worker = Worker::start(&sandbox, "");
    let remote = format!("remote:{}", worker.address);
    for (name, devices) in
        [("one", "cpu"), ("two", &format!("cpu,{remote}")), ("there", remote.as_str())]
    {
        sandbox.succeeds(&words(&format!("{RUN} --name {name} --devices {devices}")));
    }
    let one = sandbox.path("runs/one");
    assert_eq!(train_losses(&one).len(), 8);
    for name in ["two", "there"] {
        let shared = sandbox.path("runs").join(name);
        assert_close(&train_losses(&shared), &train_losses(&one), 1e-4);
        assert_close(&losses(&shared, Split::Valid), &losses(&one, Split::Valid), 1e-4);
    }
    // What was trained here writes there.
    let text = |device: &str| {
        let command = format!("generate runs/one --greedy --max-tokens 12 --device {device}");
        sandbox.succeeds(&[&words(&command)[..], &["--prompt", "In the"]].concat())
    };
    assert_eq!(text(&remote), text("cpu"));
}

#[test]
fn a_worker_that_dies_stops_the_run_with_its_last_checkpoint() {
    let sandbox = sandbox();
    let mut worker = Worker::start(&sandbox, "");
    let endless = RUN.replace("--max-steps 8", "--max-steps 1000000 --save-every 3");
    let devices = format!("cpu,remote:{}", worker.address);
    let child = sandbox
        .command(&words(&format!("{endless} --name run --devices {devices}")))
        .env_remove("RUST_BACKTRACE")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let set = sandbox.path("runs/run/checkpoints/step-000003/manifest.json");
    let began = Instant::now();
    while !set.exists() {
        assert!(began.elapsed() < Duration::from_secs(120), "no checkpoint came");
        std::thread::sleep(Duration::from_millis(20));
    }
    worker.child.kill().unwrap();
    worker.child.wait().unwrap();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("\nkept: the checkpoint of step "), "{errors}");
    let last = errors.trim_end().lines().last().unwrap();
    assert!(last.starts_with("error: the device failed: number 2 of 2: "), "{errors}");
    assert!(!errors.contains("panicked"), "{errors}");

    let config = sandbox.path("runs/run/config.json");
    let steps = train_losses(&sandbox.path("runs/run")).len() + 4;
    let text = fs_err::read_to_string(&config).unwrap().replace("1000000", &steps.to_string());
    fs_err::write(&config, text).unwrap();
    sandbox.succeeds(&["train", "--resume", "runs/run", "--device", "cpu"]);
    assert_eq!(train_losses(&sandbox.path("runs/run")).len(), steps);
}

#[test]
fn a_worker_serves_those_who_know_its_secret() {
    let sandbox = sandbox();
    let worker = Worker::start(&sandbox, "open sesame");
    let command = format!("{RUN} --name run --device remote:{}", worker.address);
    let with = |token: &str| sandbox.command(&words(&command)).env(TOKEN, token).output().unwrap();
    for token in ["", "open, barley"] {
        let output = with(token);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{errors}");
        let last = errors.trim_end().lines().last().unwrap();
        assert!(last.starts_with("error: remote:127.0.0.1:") && last.contains(TOKEN), "{errors}");
    }
    assert!(with("open sesame").status.success());
}

#[test]
fn what_cannot_be_lent_or_borrowed_is_said_in_a_line() {
    let sandbox = sandbox();
    for (listen, reason) in [
        ("0.0.0.0:0", TOKEN),
        ("127.0.0.1", "expected HOST:PORT"),
        ("192.0.2.1:7000", TOKEN),
        ("127.0.0.1:1", "expected HOST:PORT"),
    ] {
        // Port 1 is not for everybody, but may be for who runs the tests.
        if listen == "127.0.0.1:1" && std::net::TcpListener::bind(listen).is_ok() {
            continue;
        }
        let error = sandbox.fails(&["worker", "--device", "cpu", "--listen", listen]);
        assert!(error.starts_with(&format!("error: --listen {listen}: ")), "{error}");
        assert!(error.contains(reason), "{error}");
    }
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = sandbox.fails(&words(&format!("{RUN} --device remote:{free}")));
    assert!(error.contains(&format!("minigpt worker --listen {free}")), "{error}");
    for wrong in ["remote:", "remote:den", "remote::7000", "remote:den:70000"] {
        let output = sandbox.minigpt(&["bench", "--device", wrong]);
        assert_eq!(output.status.code(), Some(2), "{wrong}");
    }
}

#[cfg(unix)]
#[test]
fn a_worker_ends_when_it_is_asked_to() {
    let sandbox = Sandbox::new();
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let mut worker = Worker::start(&sandbox, "");
        let id = worker.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        assert_eq!(worker.child.wait().unwrap().code(), Some(code), "{signal}");
    }
}
