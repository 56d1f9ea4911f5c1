//! Whole-process figures of a training run: what the engine costs beside the steps, and whether
//! memory stays where it is.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Deserialize;

#[derive(Args)]
pub(crate) struct Engine {
    /// Steps to take
    #[arg(long, default_value_t = 1000)]
    steps: usize,
    /// More arguments for `minigpt train`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

/// An event that `minigpt train --json` prints; of most only the name matters here.
#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Event {
    Step(Step),
    #[serde(other)]
    Other,
}

#[derive(Clone, Copy, Deserialize)]
struct Step {
    /// Seen so far.
    tokens: u64,
    tokens_per_second: f64,
    /// Since training began.
    seconds: f64,
}

/// Step after which memory must no longer grow.
const SETTLED: usize = 50;

pub(crate) fn run(bench: &Engine) -> Result<()> {
    let runs = std::env::temp_dir().join(format!("minigpt-bench-{}", std::process::id()));
    let result = train(bench, &runs);
    if runs.exists() {
        fs_err::remove_dir_all(&runs)?;
    }
    let (steps, memory) = result?;
    report(&steps, &memory)
}

/// The steps of a run without validations but the last, and the resident memory in MiB after each.
fn train(bench: &Engine, runs: &std::path::Path) -> Result<(Vec<Step>, Vec<f64>)> {
    let mut command = Command::new(super::PROGRAM);
    let steps = bench.steps.to_string();
    command.args(["train", "--preset", "tiny", "--max-steps", &steps, "--eval-every", &steps]);
    command.args(["--device", "cpu", "--json"]).arg("--runs").arg(runs).args(&bench.args);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("could not start {}", super::PROGRAM))?;
    let output = child.stdout.take().context("the program has no output")?;
    let (mut rows, mut memory) = (Vec::new(), Vec::new());
    for line in BufReader::new(output).lines() {
        if let Event::Step(step) = serde_json::from_str(&line?)? {
            rows.push(step);
            memory.push(resident_mebibytes(child.id()).unwrap_or(f64::NAN));
        }
    }
    let status = child.wait()?;
    ensure!(status.success(), "minigpt train failed: {status}");
    ensure!(rows.len() > SETTLED, "{} steps are too few to compare", rows.len());
    Ok((rows, memory))
}

/// Resident memory of a process, where Linux's `/proc` tells it.
fn resident_mebibytes(process: u32) -> Option<f64> {
    let status = fs_err::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kibibytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes / 1024.0)
}

fn report(steps: &[Step], memory: &[f64]) -> Result<()> {
    let (first, last) = (steps[0], steps[steps.len() - 1]);
    let elapsed = last.seconds - first.seconds;
    let inside = seconds_in_steps(steps);
    let taken = steps.len() - 1;
    println!("{taken} steps in {elapsed:.2} s: {:.2} ms a step", 1e3 * elapsed / taken as f64);
    println!(
        "outside the steps (data, metrics, events, progress): {:.2} % of the time",
        100.0 * (1.0 - inside / elapsed)
    );
    for at in [SETTLED, steps.len() / 4, steps.len() / 2, steps.len() * 3 / 4, steps.len()] {
        println!("resident after step {at}: {:.1} MiB", memory[at - 1]);
    }
    let highest = memory[SETTLED..].iter().copied().fold(f64::NAN, f64::max);
    let growth = highest / memory[SETTLED - 1] - 1.0;
    println!("highest after step {SETTLED}: {highest:.1} MiB, {:+.1} %", 100.0 * growth);
    Ok(())
}

/// Seconds spent inside all steps but the first.
fn seconds_in_steps(steps: &[Step]) -> f64 {
    let pairs = steps.windows(2);
    pairs.map(|pair| (pair[1].tokens - pair[0].tokens) as f64 / pair[1].tokens_per_second).sum()
}

#[cfg(test)]
mod tests;
