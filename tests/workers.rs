//! Runs over two processes: what a worker lends, and what becomes of a run when it dies.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use minigpt_train::RowSplit;

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
    errors: BufReader<ChildStderr>,
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
        Self { child, address, errors }
    }

    /// Ends it; what it has said since it listens.
    fn said(&mut self) -> String {
        self.child.kill().unwrap();
        let mut text = String::new();
        self.errors.read_to_string(&mut text).unwrap();
        text
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
        assert_close(&losses(&shared, RowSplit::Valid), &losses(&one, RowSplit::Valid), 1e-4);
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
    let gone = format!("error: remote:{}: the worker went away (", worker.address);
    assert!(last.starts_with(&gone), "{errors}");
    assert!(!errors.contains("panicked"), "{errors}");

    let config = sandbox.path("runs/run/config.json");
    let steps = train_losses(&sandbox.path("runs/run")).len() + 4;
    let text = fs_err::read_to_string(&config).unwrap().replace("1000000", &steps.to_string());
    fs_err::write(&config, text).unwrap();
    sandbox.succeeds(&["train", "--resume", "runs/run", "--device", "cpu"]);
    assert_eq!(train_losses(&sandbox.path("runs/run")).len(), steps);
}

#[test]
fn a_worker_that_dies_is_named_by_the_command_that_needed_it() {
    let sandbox = sandbox();
    sandbox.succeeds(&words(&format!("{RUN} --name run --device cpu")));
    let mut worker = Worker::start(&sandbox, "");
    let device = format!("remote:{}", worker.address);
    let mut child = sandbox
        .command(&["generate", "runs/run", "--prompt", "In", "--max-tokens", "1000000"])
        .args(["--device", &device])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut text = String::new();
    while !text.contains("device: the worker at") {
        assert!(errors.read_line(&mut text).unwrap() > 0, "{text}");
    }
    std::thread::sleep(Duration::from_millis(300));
    worker.child.kill().unwrap();
    worker.child.wait().unwrap();
    errors.read_to_string(&mut text).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{text}");
    let last = text.trim_end().lines().last().unwrap();
    let address = &worker.address;
    let gone = format!("error: remote:{address}: the worker went away (");
    assert!(last.starts_with(&gone), "{text}");
    assert!(last.contains(&format!("start it again by `minigpt worker --listen {address}`")));
    assert!(!text.contains("panicked") && !text.contains("minigpt broke"), "{text}");
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
fn neither_a_web_page_nor_garbage_does_anything_to_a_worker() {
    let sandbox = sandbox();
    let mut worker = Worker::start(&sandbox, "");
    let asks = |route: &str, header: &str, frame: &[u8]| {
        let mut client = TcpStream::connect(&worker.address).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        let request = format!(
            "GET /{route} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{header}\r\n",
            worker.address
        );
        client.write_all(request.as_bytes()).unwrap();
        let mut answer = [0; 12];
        client.read_exact(&mut answer).unwrap();
        // Where it was refused, nobody reads that.
        let _ = client.write_all(frame);
        let _ = client.read(&mut [0; 512]);
        String::from_utf8_lossy(&answer).into_owned()
    };
    let garbage = [0x82, 0x84, 0, 0, 0, 0, 0xc1, 0xff, 0xff, 0xff];
    let gigabyte = [0x82, 0xff, 0, 0, 0, 0, 0x3f, 0xff, 0xff, 0xff, 0, 0, 0, 0, 1, 1, 1, 1];
    let page = "Origin: https://example.org\r\n";
    assert_eq!(asks("session", page, &garbage), "HTTP/1.1 403");
    for (route, frame) in [("data", &garbage[..]), ("session", &garbage), ("session", &gigabyte)] {
        assert_eq!(asks(route, "", frame), "HTTP/1.1 101");
    }
    let command = format!("{RUN} --name run --device remote:{}", worker.address);
    sandbox.succeeds(&words(&command));
    let said = worker.said();
    assert!(said.contains("it is a web page of https://example.org"), "{said}");
    assert!(said.contains("a frame of 1073741823 bytes"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn a_server_that_says_nothing_is_left_in_time() {
    let sandbox = sandbox();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let began = Instant::now();
    let error = sandbox.fails(&words(&format!("{RUN} --device remote:{address}")));
    assert!(error.contains("no answer within 5 s"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[test]
fn what_cannot_be_lent_or_borrowed_is_said_in_a_line() {
    let sandbox = sandbox();
    let output = sandbox.command(&["worker", "--device", "cpu"]).env(TOKEN, " ").output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("MINIGPT_TOKEN has nothing but blanks"), "{errors}");
    for (listen, reason) in [
        ("0.0.0.0:0", TOKEN),
        ("127.0.0.1", "expected HOST:PORT"),
        ("192.0.2.1:7000", TOKEN),
        ("127.0.0.1:1", "expected HOST:PORT"),
    ] {
        // Port 1 is not for everybody, but may be for who runs the tests.
        if listen == "127.0.0.1:1" && TcpListener::bind(listen).is_ok() {
            continue;
        }
        let error = sandbox.fails(&["worker", "--device", "cpu", "--listen", listen]);
        assert!(error.starts_with(&format!("error: --listen {listen}: ")), "{error}");
        assert!(error.contains(reason), "{error}");
    }
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
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

/// Sends a signal to a process.
#[cfg(unix)]
fn kill(signal: &str, id: u32) {
    let status = Command::new("kill").args([signal, &id.to_string()]).status().unwrap();
    assert!(status.success());
}

/// A run without end on `devices` that has come to its first checkpoint, in `runs/run`; it waits for a silent
/// worker for `patience` seconds.
#[cfg(unix)]
fn endless_run(sandbox: &Sandbox, devices: &str, patience: &str) -> Child {
    let endless = RUN.replace("--max-steps 8", "--max-steps 1000000 --save-every 3");
    let mut command = sandbox.command(&words(&format!("{endless} --name run --devices {devices}")));
    command.env("MINIGPT_WORKER_TIMEOUT", patience);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let set = sandbox.path("runs/run/checkpoints/step-000003/manifest.json");
    let began = Instant::now();
    while !set.exists() {
        assert!(began.elapsed() < Duration::from_secs(120), "no checkpoint came");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

/// A worker that is stopped, and not ended, still takes connections, but answers no more and closes nothing.
#[cfg(unix)]
#[test]
fn a_worker_that_falls_silent_is_given_up_and_the_checkpoints_are_kept() {
    let sandbox = sandbox();
    for devices in ["remote:", "cpu,remote:"] {
        let worker = Worker::start(&sandbox, "");
        let address = &worker.address;
        let child = endless_run(&sandbox, &format!("{devices}{address}"), "3");
        kill("-STOP", worker.child.id());
        let began = Instant::now();
        let output = child.wait_with_output().unwrap();
        assert!(began.elapsed() < Duration::from_secs(30));
        kill("-CONT", worker.child.id());
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.contains("\nkept: the checkpoint of step "), "{errors}");
        let last = errors.trim_end().lines().last().unwrap();
        let start = format!("error: remote:{address}: the worker has been silent for ");
        assert!(last.starts_with(&start) && last.contains(" s (no answer within "), "{errors}");
        assert!(!errors.contains("panicked"), "{errors}");
        // It can be gone on with.
        let resume = ["train", "--resume", "runs/run", "--device", "cpu", "--dry-run"];
        sandbox.succeeds(&resume);
        fs_err::remove_dir_all(sandbox.path("runs/run")).unwrap();
    }
    let wrong = format!("{RUN} --device remote:127.0.0.1:1");
    let output = sandbox.command(&words(&wrong)).env("MINIGPT_WORKER_TIMEOUT", "soon").output();
    let errors = String::from_utf8(output.unwrap().stderr).unwrap();
    assert!(errors.contains("MINIGPT_WORKER_TIMEOUT is \"soon\": expected seconds"), "{errors}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_is_answered_while_a_worker_says_nothing() {
    let sandbox = sandbox();
    let worker = Worker::start(&sandbox, "");
    let mut child = endless_run(&sandbox, &format!("remote:{}", worker.address), "60");
    kill("-STOP", worker.child.id());
    std::thread::sleep(Duration::from_millis(500));
    kill("-INT", child.id());
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut text = String::new();
    while !text.contains("once more leaves at once") {
        assert!(errors.read_line(&mut text).unwrap() > 0, "{text}");
    }
    kill("-INT", child.id());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    kill("-CONT", worker.child.id());
}
