//! `cargo xtask gpu`: whether minigpt computes rightly on a graphics card and how fast, in five minutes.
//!
//! Each part is a command of its own with a limit of its own. One that fails or takes too long is written down with
//! its reason, and the next one begins: an hour on a strange machine must not end without figures.

mod card_memory;
mod limited;
mod pack;
mod part;
mod plan;
mod record;
mod table;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;

use crate::bench::processor;
use crate::cargo;
use crate::features::Features;
use card_memory::CardMemory;
use part::{Part, Setting};
use plan::Adapter;
use record::{Parity, Record, Report};

#[derive(Args)]
pub(crate) struct Gpu {
    /// The card, as `minigpt --device` takes it
    #[arg(long, default_value = "gpu")]
    device: String,
    /// Measure this program, built with the feature gpu, instead of building one
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Time the same training steps in PyTorch on the same card, with this Python
    #[arg(long, value_name = "PYTHON")]
    peer: Option<PathBuf>,
    /// Where gpu.json goes
    #[arg(long, value_name = "FOLDER", default_value = "target/gpu")]
    out: PathBuf,
    /// How long all parts may take together; the limit of each part grows with it
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=600))]
    minutes: u32,
    /// One small shape: to try this command itself, as with --device gpu:software --minutes 60
    #[arg(long)]
    quick: bool,
    /// Measure nothing; pack the program and this command for a machine without Rust or a network
    #[arg(long, value_name = "FILE.tar.gz", conflicts_with_all = ["device", "peer", "out", "minutes", "quick"])]
    pack: Option<PathBuf>,
}

/// `features` are those that the program is built with, unless one was named. The exit code is 1 where it was not
/// shown that the card computes what the processor does.
pub(crate) fn run(gpu: &Gpu, features: impl FnOnce() -> Features) -> Result<ExitCode> {
    let program = match &gpu.program {
        // Some parts run in a folder of their own.
        Some(program) => fs_err::canonicalize(program)?,
        None => build(&features())?,
    };
    if let Some(file) = &gpu.pack {
        pack::pack(file, &program)?;
        return Ok(ExitCode::SUCCESS);
    }
    let report = measure(gpu, &program)?;
    Ok(if report.parity == Parity::Right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn build(features: &Features) -> Result<PathBuf> {
    features.require("gpu")?;
    cargo::run(&mut cargo::build(features))?;
    let name = format!("minigpt{}", std::env::consts::EXE_SUFFIX);
    Ok(fs_err::canonicalize(Path::new("target/release").join(name))?)
}

fn measure(gpu: &Gpu, program: &Path) -> Result<Report> {
    let scratch = gpu.out.join("scratch");
    fs_err::create_dir_all(&scratch)?;
    let report = measure_in(gpu, program, &scratch);
    fs_err::remove_dir_all(&scratch)?;
    report
}

fn measure_in(gpu: &Gpu, program: &Path, scratch: &Path) -> Result<Report> {
    let setting = Setting { program, device: &gpu.device, peer: gpu.peer.as_deref(), scratch };
    // What is measured depends on the device, so that it is asked first, which takes no time.
    let listed = Record::of(&Part::Devices, &setting, plan::limit(10, gpu.minutes), None);
    let adapter = listed.found.as_ref().and_then(|found| Adapter::chosen(found, &gpu.device));
    let parts = plan::parts(gpu.quick, gpu.peer.is_some());
    announce(gpu, program, adapter.as_ref(), &listed, parts.len());

    let mut report = Report {
        minigpt: version(program),
        device: gpu.device.clone(),
        is_software: adapter.as_ref().is_some_and(Adapter::is_software),
        adapter,
        is_quick: gpu.quick,
        processor: processor(),
        limit_seconds: 60.0 * f64::from(gpu.minutes),
        seconds: 0.0,
        parity: Parity::Unknown,
        parts: vec![listed],
    };
    let json = gpu.out.join("gpu.json");
    go_through(&parts, &setting, gpu.minutes, &mut report, &json)?;
    print!("\n{}", table::of(&report.parts));
    println!("\n{}", report.verdict());
    println!("wrote {}", json.display());
    Ok(report)
}

/// Measures part after part and writes the report after each: whoever interrupts this keeps what was measured.
fn go_through(
    parts: &[Part],
    setting: &Setting<'_>,
    in_minutes: u32,
    report: &mut Report,
    json: &Path,
) -> Result<()> {
    let whole = Duration::from_secs(u64::from(in_minutes) * 60);
    let began = Instant::now();
    let memory = CardMemory::start(Command::new("nvidia-smi"));
    for (index, part) in parts.iter().enumerate() {
        let left = whole.saturating_sub(began.elapsed());
        let limit = plan::limit(part.seconds(), in_minutes).min(left);
        let number = format!("[{}/{}]", index + 1, parts.len());
        println!("{number} {part}, at most {} of {} left", minutes(limit), minutes(left));
        let record = match plan::why_not(part, report.adapter.as_ref(), limit) {
            Some(reason) => Record::left_out(part, reason),
            None => Record::of(part, setting, limit, memory.as_ref()),
        };
        let (indent, took) = (number.len(), Duration::from_secs_f64(record.seconds));
        println!("{:indent$} {record} ({})", "", minutes(took));
        report.parts.push(record);
        report.parity = Parity::of(&report.parts);
        report.seconds = began.elapsed().as_secs_f64();
        minigpt_files::write(json, serde_json::to_string_pretty(report)?)?;
    }
    Ok(())
}

/// Says what comes, and how long at most.
fn announce(gpu: &Gpu, program: &Path, adapter: Option<&Adapter>, listed: &Record, parts: usize) {
    println!("program: {}", program.display());
    match adapter {
        Some(adapter) => println!("device: {adapter}"),
        None => {
            let reason = listed.failed.as_deref().unwrap_or("the program lists no such device");
            println!("device: {}: {reason}", gpu.device);
            println!(
                "        a card needs its driver for Vulkan, and the loader (Debian, Ubuntu: libvulkan1)"
            );
        }
    }
    let peer = if gpu.peer.is_some() { ", the same steps in PyTorch" } else { "" };
    println!(
        "{parts} parts in at most {} minutes: parity with the processor, twice; training steps with and without \
         fusion{peer}; launches; decoding",
        gpu.minutes
    );
    if gpu.quick {
        println!("--quick: small shapes, whose figures say nothing about a card");
    }
    println!();
}

/// What the program calls itself.
fn version(program: &Path) -> String {
    let output = Command::new(program).arg("--version").output().context("no answer");
    let said = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    said.unwrap_or_default()
}

/// As `2:05`.
fn minutes(time: Duration) -> String {
    let seconds = time.as_secs_f64().round() as u64;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests;
