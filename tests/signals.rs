//! The end of a terminal, and Ctrl-C on the whole screen.
#![cfg(unix)]

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use minigpt_train::{End, Summary, read_metrics};

use crate::support::{Sandbox, prose};

/// A run that goes on for hours unless it is stopped.
const ENDLESS: &str = "train --preset tiny --data prose.txt --tokenizer bpe:300 --device cpu \
    --max-steps 1000000 --eval-every 1000000 --name run";

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    sandbox
}

fn wait_for_steps(run: &Path, steps: usize) {
    let began = Instant::now();
    let taken = || {
        let rows = read_metrics(&run.join("metrics.csv")).unwrap_or_default();
        rows.last().map_or(0, |row| row.step)
    };
    while taken() < steps {
        assert!(began.elapsed() < Duration::from_secs(120), "no step came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
}

fn assert_saved(run: &Path) {
    let summary = fs_err::read(run.join("summary.json")).unwrap();
    let summary: Summary = serde_json::from_slice(&summary).unwrap();
    assert_eq!(summary.end, End::Interrupted);
    let set = run.join(format!("checkpoints/step-{:06}/manifest.json", summary.steps));
    assert!(set.exists(), "{}", set.display());
}

#[test]
fn the_end_of_the_terminal_saves_twice_as_once() {
    let sandbox = sandbox();
    let run = sandbox.path("runs/run");
    let mut command = sandbox.command(&ENDLESS.split_whitespace().collect::<Vec<_>>());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for_steps(&run, 5);
    signal(&child, "-HUP");
    signal(&child, "-HUP");
    assert_eq!(child.wait().unwrap().code(), Some(129));
    assert_saved(&run);
}

#[test]
fn a_run_under_nohup_outlives_its_terminal() {
    let sandbox = sandbox();
    let run = sandbox.path("runs/run");
    let line = format!("trap '' HUP; exec {} {ENDLESS}", env!("CARGO_BIN_EXE_minigpt"));
    let mut command = Command::new("sh");
    command.args(["-c", &line]).current_dir(sandbox.path("")).env("MINIGPT_CACHE", "cache");
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for_steps(&run, 5);
    signal(&child, "-HUP");
    let taken = read_metrics(&run.join("metrics.csv")).unwrap().last().unwrap().step;
    wait_for_steps(&run, taken + 20);
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert_saved(&run);
}

/// Runs the command on a terminal of its own; what is written to its input is typed.
fn on_a_terminal(sandbox: &Sandbox, args: &str) -> Option<Child> {
    if cfg!(not(target_os = "linux")) || Command::new("script").arg("--version").output().is_err() {
        eprintln!("SKIPPED: the full-screen display, no `script` of util-linux here");
        return None;
    }
    let line = format!("stty rows 40 cols 120; exec {} {args}", env!("CARGO_BIN_EXE_minigpt"));
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    command.current_dir(sandbox.path("")).env("MINIGPT_CACHE", "cache").env("TERM", "xterm");
    Some(command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap())
}

#[test]
fn ctrl_c_on_the_whole_screen_saves() {
    let sandbox = sandbox();
    let run = sandbox.path("runs/run");
    let Some(mut child) = on_a_terminal(&sandbox, &format!("{ENDLESS} --tui")) else { return };
    wait_for_steps(&run, 5);
    let mut keys = child.stdin.take().unwrap();
    keys.write_all(b"\x03").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_saved(&run);
}

#[test]
fn q_and_then_s_on_the_whole_screen_save() {
    let sandbox = sandbox();
    let run = sandbox.path("runs/run");
    let Some(mut child) = on_a_terminal(&sandbox, &format!("{ENDLESS} --tui")) else { return };
    wait_for_steps(&run, 5);
    let mut keys = child.stdin.take().unwrap();
    for key in [b"q", b"s"] {
        keys.write_all(key).unwrap();
        std::thread::sleep(Duration::from_millis(500));
    }
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_saved(&run);
}
