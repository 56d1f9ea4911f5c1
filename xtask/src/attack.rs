//! `cargo xtask attack`: files with mistakes, given to the program as a user would give them.
//!
//! Every mutant is a function of the seed, its format and its number, and goes to a process of its own, in a
//! folder of its own. No mistake in a file may make the program panic, hang, take the machine's memory, die
//! of a signal or talk without end.

mod damage;
mod formats;
mod gguf;
mod hub;
mod json;
mod kind;
mod packed;
mod report;
mod stage;
mod toml;
mod trial;
mod weights;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::cargo;
use crate::features::Features;
use formats::{Format, Target};
use report::{FailedMutant, HEAD, Report, Row};
use stage::{Stage, copy_folder};
use trial::{SAID_FILE, Verdict};

#[derive(Args)]
pub(crate) struct Attack {
    /// Attack this format only; may be given several times
    #[arg(long, value_name = "FORMAT")]
    only: Vec<Format>,
    /// Mutants of each format
    #[arg(long, value_name = "N", default_value_t = 300)]
    mutants: usize,
    /// Seed of the mistakes
    #[arg(long, default_value_t = 20)]
    seed: u64,
    /// The program that is attacked [default: a release build of this workspace's]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Processes at a time [default: one for each core]
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Folder for the files, made anew; mutants with which something went wrong stay in `failures`
    #[arg(long, value_name = "FOLDER", default_value = "target/attack")]
    out: PathBuf,
    /// Print a JSON object; the table goes to standard error
    #[arg(long)]
    json: bool,
}

/// `features` are those that the program is built with, unless one was named.
pub(crate) fn run(attack: &Attack, features: impl FnOnce() -> Features) -> Result<ExitCode> {
    let program = match &attack.program {
        Some(program) => fs_err::canonicalize(program)?,
        None => build(&features())?,
    };
    if attack.out.exists() {
        fs_err::remove_dir_all(&attack.out)?;
    }
    fs_err::create_dir_all(attack.out.join("failures"))?;
    // Commands run in folders of their own.
    let out = fs_err::canonicalize(&attack.out)?;
    let stage = Stage::new(&program, &out.join("stage"))?;
    let show = |line: &str| if attack.json { eprintln!("{line}") } else { println!("{line}") };
    show(HEAD);
    let mut report = Report { program: program.clone(), seed: attack.seed, formats: Vec::new() };
    for format in Format::value_variants() {
        if attack.only.is_empty() || attack.only.contains(format) {
            let row = attack_format(attack, &stage, *format, &out)?;
            show(&row.to_string());
            report.formats.push(row);
        }
    }
    if attack.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{report}");
    }
    let has_failed = report.formats.iter().any(|row| !row.failures.is_empty());
    Ok(if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The program of this workspace; what cargo says goes to standard error.
fn build(features: &Features) -> Result<PathBuf> {
    let status = cargo::build(features).status().context("could not start cargo")?;
    ensure!(status.success(), "the program could not be built: {status}");
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/release/minigpt");
    let program = Path::new(program).with_extension(std::env::consts::EXE_EXTENSION);
    Ok(fs_err::canonicalize(program)?)
}

/// Gives mutants of each target of a format in turn to the program.
fn attack_format(attack: &Attack, stage: &Stage, format: Format, out: &Path) -> Result<Row> {
    let targets = format.targets(stage)?;
    for target in &targets {
        check_that_it_is_read(stage, target, &out.join("work"))?;
    }
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let row = Mutex::new(Row::new(format));
    let next = AtomicUsize::new(0);
    let work = |job: usize| -> Result<()> {
        let place = out.join(format!("work-{job}"));
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= attack.mutants {
                return Ok(());
            }
            let target = &targets[number % targets.len()];
            let mutant =
                Mutant { format, number, bytes: mutant(attack.seed, format, number, target) };
            try_mutant(stage, target, &mutant, [&place, out], &row)?;
        }
    };
    std::thread::scope(|scope| {
        let jobs = 0..attack.jobs.unwrap_or_else(cores).max(1);
        let jobs: Vec<_> = jobs.map(|job| scope.spawn(move || work(job))).collect();
        jobs.into_iter().try_for_each(|job| match job.join() {
            Ok(result) => result,
            Err(_) => bail!("a thread of the attack broke"),
        })
    })?;
    let mut row = row.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    row.failures.sort_by_key(|failure| failure.mutant);
    Ok(row)
}

/// The bytes of a mutant.
fn mutant(seed: u64, format: Format, number: usize, target: &Target) -> Vec<u8> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream((format as u64) << 32 | number as u64);
    target.kind.mutated(&target.seed, &mut random)
}

/// A file with mistakes.
struct Mutant {
    format: Format,
    number: usize,
    bytes: Vec<u8>,
}

/// A mistake in the attack itself would otherwise look like a program that refuses everything.
fn check_that_it_is_read(stage: &Stage, target: &Target, place: &Path) -> Result<()> {
    target.lay_out(place, &target.kind.whole(&target.seed))?;
    let trial = trial::run(&stage.program, place, &target.args)?;
    ensure!(
        trial.verdict == Verdict::Accepted
            && target.kind.has_header(&target.kind.whole(&target.seed), &target.seed),
        "the valid {} is not read by `{}`: {:?}\n{}",
        target.file.display(),
        target.command(),
        trial.verdict,
        trial.said
    );
    Ok(())
}

/// Tries a mutant in the first folder; where it fails, the folder is kept in the second.
fn try_mutant(
    stage: &Stage,
    target: &Target,
    mutant: &Mutant,
    [place, out]: [&Path; 2],
    row: &Mutex<Row>,
) -> Result<()> {
    target.lay_out(place, &mutant.bytes)?;
    let trial = trial::run(&stage.program, place, &target.args)?;
    let has_header = target.kind.has_header(&mutant.bytes, &target.seed);
    let mut row = row.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    row.count(&trial, has_header);
    let Verdict::Failed(reason) = trial.verdict else { return Ok(()) };
    let folder = out.join("failures").join(format!("{}-{}", mutant.format, mutant.number));
    // It may hold what the command was writing when it was ended.
    let cache = place.join("cache");
    if cache.exists() {
        fs_err::remove_dir_all(cache)?;
    }
    copy_folder(place, &folder).with_context(|| format!("keeping {}", folder.display()))?;
    row.failures.push(FailedMutant {
        reason,
        mutant: mutant.number,
        file: folder.join(&target.file),
        folder: folder.clone(),
        command: target.command(),
        said: shortened(&trial.said),
    });
    debug_assert!(folder.join(SAID_FILE).exists());
    Ok(())
}

/// The end of what a command said.
fn shortened(said: &str) -> String {
    const MOST: usize = 2000;
    let length = said.chars().count();
    said.chars().skip(length.saturating_sub(MOST)).collect()
}
