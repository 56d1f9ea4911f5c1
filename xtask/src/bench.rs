//! `cargo xtask bench`: how fast minigpt trains, writes, tokenizes and starts, alone or beside PyTorch.

mod checkpointing;
mod engine;
mod floor;
pub(crate) mod launches;
mod plot;
mod program;
mod ratios;
mod serving;
pub(crate) mod shapes;
mod tuning;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::cargo;
use crate::features::Features;
use floor::Peak;
use program::{Figures, Form, Program, TUNED_MALLOC};
use ratios::Ratios;
use shapes::{Group, Shape};

/// The program that is measured.
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/release/minigpt");

/// Of the table, and of the picture beside a peer.
const COLUMNS: &str = "\
What is printed of each shape and program:
  ms/step      median time of a training step
  floor, ms    the floating-point operations of the step, as a run's plan counts them, at the processor's peak in this
               precision (`minigpt bench --peak`). A plan counts attention to all positions; half of them are masked
  of floor     floor over time, or model FLOPs utilisation
  MiB          peak memory of the process
  faults/step  memory pages that a step fetched anew

With --peer, ratios.png draws PyTorch's best over ours, speed and memory, for every shape.";

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, after_help = COLUMNS)]
pub(crate) struct Bench {
    #[command(subcommand)]
    benchmark: Option<Benchmark>,
    /// The tutorial's model alone, with both vocabularies: as --group article
    #[arg(long, conflicts_with = "group")]
    quick: bool,
    /// Which shapes [default: article and sweep]
    #[arg(long, value_enum, value_delimiter = ',')]
    group: Vec<Group>,
    /// Time the same shapes in PyTorch with this Python, in turn with ours
    #[arg(long, value_name = "PYTHON")]
    peer: Option<PathBuf>,
    /// How often each program takes its turn; the fastest counts
    #[arg(long, default_value_t = 2)]
    rounds: usize,
    /// Where bench.json goes, with --peer ratios.png, and bench.png of the sweep
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
}

#[derive(Subcommand)]
enum Benchmark {
    /// What the engine costs beside the steps, and whether memory stays where it is
    Engine(engine::Engine),
    /// Memory against time of gradient checkpointing, for models of 4 to 48 layers
    Checkpointing(checkpointing::Checkpointing),
    /// `minigpt serve` under load, alone or beside llama.cpp's server
    Serving(serving::Serving),
    /// Kernels that a training step launches on a GPU
    Launches(launches::Launches),
}

/// All that a benchmark found.
#[derive(Serialize)]
struct Report {
    processor: String,
    threads: usize,
    peak: Peak,
    shapes: Vec<Measured>,
    /// The tutorial's model, one text, tokens a second.
    decode: Figures,
    /// GPT-2's tokenizer on the embedded novels, MB a second.
    tokenize_megabytes_per_second: f64,
    /// `minigpt --version`, in milliseconds.
    start_milliseconds: f64,
}

/// One shape by every program.
#[derive(Serialize)]
pub(crate) struct Measured {
    shape: Shape,
    /// Floating-point operations, as a run's plan counts them.
    operations_per_step: f64,
    programs: Vec<Timed>,
}

/// One program's steps.
#[derive(Serialize)]
struct Timed {
    program: Program,
    #[serde(flatten)]
    figures: Figures,
    /// What the operations take at the processor's peak in this precision.
    floor_seconds: f64,
    /// The floor over the time that was measured.
    share_of_floor: f64,
}

pub(crate) fn run(bench: &Bench, features: &Features) -> Result<()> {
    if matches!(bench.benchmark, Some(Benchmark::Launches(_))) {
        features.require("gpu")?;
    }
    cargo::run(&mut cargo::build(features))?;
    match &bench.benchmark {
        Some(Benchmark::Engine(engine)) => engine::run(engine),
        Some(Benchmark::Checkpointing(bench)) => checkpointing::run(bench),
        Some(Benchmark::Serving(bench)) => serving::run(bench),
        Some(Benchmark::Launches(bench)) => launches::run(bench),
        None => all(bench),
    }
}

fn all(bench: &Bench) -> Result<()> {
    if bench.group.contains(&Group::Tuning) {
        tuning::run(bench)?;
        if bench.group.len() == 1 {
            return Ok(());
        }
    }
    let groups = match bench.group.as_slice() {
        [] if bench.quick => &[Group::Article],
        [] => &[Group::Article, Group::Sweep][..],
        groups => groups,
    };
    let peak = Peak::measure()?;
    peak.print();
    let mut measured = Vec::new();
    println!(
        "{:44} {:27} {:>9} {:>9} {:>8} {:>9} {:>12}",
        "shape", "program", "ms/step", "floor, ms", "of floor", "MiB", "faults/step"
    );
    for group in groups {
        let programs = match group {
            Group::Sweep => Program::few(bench.peer.is_some()),
            _ => Program::all(bench.peer.is_some()),
        };
        for shape in group.shapes() {
            let measure = measure(&shape, &programs, &peak, bench)?;
            measure.print();
            measured.push(measure);
        }
    }
    let report = Report {
        processor: processor(),
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        peak,
        shapes: measured,
        decode: program::decode()?,
        tokenize_megabytes_per_second: tokenize()?,
        start_milliseconds: start()?,
    };
    println!("decode: {:.0} tokens a second", report.decode.tokens_per_second);
    println!("tokenize: {:.1} MB a second", report.tokenize_megabytes_per_second);
    println!("start: {:.1} ms", report.start_milliseconds);
    fs_err::create_dir_all(&bench.out)?;
    let json = bench.out.join("bench.json");
    fs_err::write(&json, serde_json::to_string_pretty(&report)?)?;
    println!("wrote {}", json.display());
    if groups.contains(&Group::Sweep) {
        let picture = bench.out.join("bench.png");
        plot::draw(&report.shapes, &picture)?;
        println!("wrote {}", picture.display());
    }
    let ratios = report.shapes.iter().map(|one| (one.shape.to_string(), one.ratios()));
    let ratios: Vec<_> = ratios.filter(|(_, ratios)| ratios.any.is_some()).collect();
    if !ratios.is_empty() {
        let picture = bench.out.join("ratios.png");
        ratios::draw(&ratios, &picture)?;
        println!("wrote {}", picture.display());
    }
    Ok(())
}

/// Every program in turn, several times: the machine may be slower for a while.
fn measure(shape: &Shape, programs: &[Program], peak: &Peak, bench: &Bench) -> Result<Measured> {
    let mut best: Vec<(Program, Figures)> = Vec::new();
    for round in 0..bench.rounds.max(1) {
        for (index, program) in programs.iter().enumerate() {
            let figures = program.train(shape, bench.peer.as_deref())?;
            match round {
                0 => best.push((*program, figures)),
                _ => best[index].1.improve(figures),
            }
        }
    }
    let operations_per_step = best.iter().find_map(|(_, figures)| figures.operations_per_step);
    let operations_per_step =
        operations_per_step.with_context(|| format!("no program told the work of {shape}"))?;
    let timed = best.into_iter().map(|(program, figures)| {
        let floor_seconds = peak.floor_seconds(operations_per_step, program.is_bf16);
        let share_of_floor = floor_seconds / figures.seconds_per_step;
        Timed { program, figures, floor_seconds, share_of_floor }
    });
    Ok(Measured { shape: *shape, operations_per_step, programs: timed.collect() })
}

impl Measured {
    fn print(&self) {
        for Timed { program, figures, floor_seconds, share_of_floor } in &self.programs {
            let shape = self.shape.to_string();
            let faults = figures.page_faults_per_step.unwrap_or(f64::NAN);
            let memory = figures.peak_memory.unwrap_or(f64::NAN);
            let milliseconds = 1e3 * figures.seconds_per_step;
            let (floor, share) = (1e3 * floor_seconds, 100.0 * share_of_floor);
            println!(
                "{shape:44} {program:27} {milliseconds:9.1} {floor:9.1} {share:6.0} % {memory:9.0} {faults:12.0}"
            );
        }
        for is_bf16 in [false, true] {
            let seconds = |form| {
                let program = Program { form, is_bf16 };
                let mut found = self.programs.iter().filter(|timed| timed.program == program);
                found.next().map(|timed| timed.figures.seconds_per_step)
            };
            if let (Some(muon), Some(adamw)) = (seconds(Form::MinigptMuon), seconds(Form::Minigpt))
            {
                let precision = if is_bf16 { "bf16" } else { "f32" };
                println!(
                    "{:44} a step by Muon over one by AdamW, {precision}: {:.2}",
                    "",
                    muon / adamw
                );
            }
        }
        if let Ratios { f32: Some(f32), any: Some(any), memory: Some(memory) } = self.ratios() {
            println!(
                "{:44} PyTorch's best over ours: f32 {f32:.2}, any precision {any:.2}, memory {memory:.2}",
                ""
            );
        }
    }

    /// PyTorch's best over ours.
    fn ratios(&self) -> Ratios {
        Ratios {
            f32: self.ratio(|program| !program.is_bf16, |figures| Some(figures.seconds_per_step)),
            any: self.ratio(|_| true, |figures| Some(figures.seconds_per_step)),
            memory: self.ratio(|_| true, |figures| figures.peak_memory),
        }
    }

    /// PyTorch's least of a quantity over ours, among some programs.
    fn ratio(
        &self,
        among: fn(&Program) -> bool,
        quantity: fn(&Figures) -> Option<f64>,
    ) -> Option<f64> {
        let least = |is_ours: bool| {
            let programs = self.programs.iter().filter(|timed| among(&timed.program));
            let own = programs.filter(|timed| match is_ours {
                true => timed.program.form == Form::Minigpt,
                false => timed.program.form.is_peer(),
            });
            own.filter_map(|timed| quantity(&timed.figures)).reduce(f64::min)
        };
        Some(least(false)? / least(true)?)
    }
}

/// Megabytes a second through GPT-2's tokenizer, from the embedded novels to a fresh cache.
fn tokenize() -> Result<f64> {
    let cache = std::env::temp_dir().join(format!("minigpt-bench-{}", std::process::id()));
    let began = Instant::now();
    let mut command = Command::new(PROGRAM);
    command.args(["data", "prepare", "embedded", "--tokenizer", "gpt2", "--json", "--cache"]);
    quietly(command.arg(&cache))?;
    let seconds = began.elapsed().as_secs_f64();
    fs_err::remove_dir_all(&cache)?;
    // Austen's four novels, `crates/minigpt-data/README.md` has their size.
    Ok(2.668_487 / seconds)
}

/// Milliseconds until the program has said its version, the fastest of ten.
fn start() -> Result<f64> {
    let mut fastest = f64::INFINITY;
    for _ in 0..10 {
        let began = Instant::now();
        quietly(Command::new(PROGRAM).arg("--version"))?;
        fastest = began.elapsed().as_secs_f64().min(fastest);
    }
    Ok(1e3 * fastest)
}

fn quietly(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("could not start {command:?}"))?;
    anyhow::ensure!(
        output.status.success(),
        "{command:?} failed: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// The processor's name, where Linux's `/proc` tells it.
pub(crate) fn processor() -> String {
    let info = fs_err::read_to_string(Path::new("/proc/cpuinfo")).unwrap_or_default();
    let line = info.lines().find(|line| line.starts_with("model name"));
    let name = line.and_then(|line| line.split_once(':')).map(|(_, name)| name.trim());
    name.unwrap_or(std::env::consts::ARCH).to_owned()
}
