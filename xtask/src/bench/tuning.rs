//! Steps of fine-tuning the model of a file, alone or beside Hugging Face's PEFT: each in a process of its own, so that
//! its peak of memory is its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Serialize;

use super::program::{Figures, figures};
use super::{Bench, PROGRAM, TUNED_MALLOC, processor};

const PEER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/peers/peft_steps.py");

/// Names the file, a GGUF of SmolLM2-135M.
const FILE: &str = "MINIGPT_SMOLLM2";

/// What is trained.
const WORK: [(&str, &[&str]); 2] = [("LoRA, rank 8", &["--lora", "8"]), ("all weights", &[])];

/// A program, and what it is told besides.
const PROGRAMS: [(&str, bool, &[&str]); 9] = [
    ("minigpt, f32", false, &["--precision", "f32"]),
    ("minigpt, bf16", false, &["--precision", "bf16"]),
    ("minigpt, bf16, checkpointed", false, &["--precision", "bf16", "--gradient-checkpointing"]),
    ("minigpt, f32 base", false, &["--precision", "bf16", "--weights", "f32"]),
    (
        "minigpt, q4_1, checkpointed",
        false,
        &["--precision", "bf16", "--weights", "q4_1", "--gradient-checkpointing"],
    ),
    ("PEFT, f32", true, &["--precision", "f32"]),
    ("PEFT, bf16", true, &["--precision", "bf16"]),
    ("PEFT, f32, tuned malloc", true, &["--precision", "f32"]),
    ("PEFT, bf16, tuned malloc", true, &["--precision", "bf16"]),
];

/// One program at one kind of work.
#[derive(Serialize)]
struct Tuned {
    work: &'static str,
    program: &'static str,
    is_peer: bool,
    #[serde(flatten)]
    figures: Figures,
}

/// All that was found.
#[derive(Serialize)]
struct Report {
    processor: String,
    tuned: Vec<Tuned>,
}

pub(super) fn run(bench: &Bench) -> Result<()> {
    let file = std::env::var_os(FILE).map(PathBuf::from);
    let file =
        file.with_context(|| format!("{FILE} names no file: expected SmolLM2-135M as GGUF"))?;
    println!("{:14} {:29} {:>9} {:>9}", "work", "program", "ms/step", "MiB");
    let mut tuned: Vec<Tuned> = Vec::new();
    for (work, words) in WORK {
        for (program, is_peer, options) in PROGRAMS {
            if is_peer && bench.peer.is_none() || words.is_empty() && options.contains(&"--weights")
            {
                continue;
            }
            let mut best: Option<Figures> = None;
            for _ in 0..bench.rounds.max(1) {
                let mut command = command(bench.peer.as_deref().filter(|_| is_peer), &file);
                if program.ends_with("malloc") {
                    command.envs(TUNED_MALLOC);
                }
                let found = figures(command.args(words).args(options))?;
                match &mut best {
                    Some(best) => best.improve(found),
                    None => best = Some(found),
                }
            }
            let Some(figures) = best else { continue };
            let memory = figures.peak_memory.unwrap_or(f64::NAN);
            let milliseconds = 1e3 * figures.seconds_per_step;
            println!("{work:14} {program:29} {milliseconds:9.0} {memory:9.0}");
            tuned.push(Tuned { work, program, is_peer, figures });
        }
        print_ratios(work, &tuned);
    }
    fs_err::create_dir_all(&bench.out)?;
    let json = bench.out.join("tuning.json");
    let report = Report { processor: processor(), tuned };
    fs_err::write(&json, serde_json::to_string_pretty(&report)?)?;
    println!("wrote {}", json.display());
    Ok(())
}

fn command(python: Option<&Path>, file: &Path) -> Command {
    let mut command = match python {
        Some(python) => {
            let mut command = Command::new(python);
            command.arg(PEER).arg(file);
            command
        }
        None => {
            let mut command = Command::new(PROGRAM);
            command.args(["bench", "--tune", "--json", "--device", "cpu", "--model"]).arg(file);
            command
        }
    };
    command.args(["--batch", "4", "--context", "256", "--steps", "4"]);
    command
}

/// The peer's best over that of each program of ours.
fn print_ratios(work: &str, tuned: &[Tuned]) {
    let of = |tuned: &Tuned| (tuned.figures.seconds_per_step, tuned.figures.peak_memory);
    let peers = tuned.iter().filter(|found| found.work == work && found.is_peer).map(of);
    let least =
        peers.reduce(|a, b| (a.0.min(b.0), [a.1, b.1].into_iter().flatten().reduce(f64::min)));
    let Some((seconds, Some(memory))) = least else { return };
    for found in tuned.iter().filter(|found| found.work == work && !found.is_peer) {
        let (own, own_memory) = of(found);
        let speed = seconds / own;
        let memory = memory / own_memory.unwrap_or(f64::NAN);
        let program = found.program;
        println!(
            "{work:14} {program:29} PEFT's best over ours: speed {speed:.2}, memory {memory:.2}"
        );
    }
}
