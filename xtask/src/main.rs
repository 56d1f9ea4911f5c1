//! The project's chores: `cargo xtask train`, `test`, `bench`, `gpu`, `attack`, `reproduce`, `package`,
//! `recording` and `ci`.
//!
//! Every chore is a cargo command line that you could type yourself; this program only knows which
//! ones, and in which order. All of them build with the release profile, and on one machine with the
//! same [features](features::Features), so that burn is compiled once for all of them.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "xtask talks to a terminal")]

mod attack;
mod bench;
mod cargo;
mod ci;
mod distribution;
mod documents;
mod features;
mod gpu;
mod packages;
mod recording;
mod reproduce;
mod structure;
mod test;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::features::Features;

const EXAMPLES: &str = "\
Examples:
  cargo xtask train                          train the default preset on the embedded corpus
  cargo xtask train --preset tiny --seed 7   arguments go to `minigpt train`
  cargo xtask train --help                   … and so does this: it builds minigpt first
  cargo xtask test                           unit, integration and doc tests of the workspace
  cargo xtask test packing -- --nocapture    arguments go to `cargo test`
  cargo xtask --features gpu,remote train    with features that this machine does not have by itself
  cargo xtask bench --quick                  a training step, decoding, tokenizing, starting
  cargo xtask bench --peer venv/bin/python   over many shapes, in turn with PyTorch
  cargo xtask bench engine                   what the engine costs beside the steps; memory
  cargo xtask bench engine --steps 100 --preset austen
  cargo xtask gpu --peer venv/bin/python     a graphics card: right or wrong, and how fast
  cargo xtask gpu --pack gpu.tar.gz          the same for a machine without Rust
  cargo xtask attack                         damaged files of every format, to the program
  cargo xtask attack --only parquet --mutants 5000
  cargo xtask reproduce --data wikitext-2    the tutorial's experiment, with a report
  cargo xtask package --wheel --deb          an archive, a Python wheel and a Debian package
  cargo xtask recording                      the README's picture of a session in a terminal
  cargo xtask ci                             all that CI checks, cheapest first
  cargo xtask ci --only fmt --only clippy    some of it
  cargo xtask ci --skip package";

#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", about = "The project's chores", after_help = EXAMPLES)]
struct Cli {
    /// What minigpt is built with: cpu, all, or some of gpu, tune-cache and remote with commas. By itself gpu
    /// where wgpu could find a driver, and the CPU alone elsewhere
    #[arg(long, env = "MINIGPT_FEATURES", value_name = "LIST")]
    features: Option<Features>,
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Build minigpt with optimisations and train
    #[command(disable_help_flag = true)]
    Train {
        /// Arguments for `minigpt train`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Run the tests, doc tests included, and build the examples
    #[command(disable_help_flag = true)]
    Test {
        /// Arguments for `cargo test`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Measure speed and memory: training steps over many shapes, decoding, tokenizing, starting
    Bench(bench::Bench),
    /// Check and measure a graphics card in five minutes: parity, steps, launches, memory, decoding
    Gpu(gpu::Gpu),
    /// Give the program damaged files of every format it reads: none may break it
    Attack(attack::Attack),
    /// Run the tutorial's experiment and write a report of it
    Reproduce(reproduce::Reproduce),
    /// Pack the program for those who have no compiler: archive, checksums, bill of materials, wheel, Debian package
    Package(distribution::Package),
    /// Record a session in a terminal as the README's animated picture
    Recording(recording::Recording),
    /// Run all checks of CI, cheapest first, and stop at the first failure
    Ci(ci::Selection),
}

fn main() -> Result<ExitCode> {
    let cli = Cli::parse_from(keep_separator(std::env::args_os()));
    let features = || cli.features.clone().unwrap_or_else(Features::of_this_machine);
    match cli.chore {
        Chore::Train { args } => cargo::replace_process(cargo::train(&features(), &args)),
        Chore::Test { args } => test::run(&features(), &args),
        Chore::Bench(bench) => bench::run(&bench, &features()).map(|()| ExitCode::SUCCESS),
        Chore::Gpu(gpu) => gpu::run(&gpu, features),
        Chore::Attack(attack) => attack::run(&attack, features),
        Chore::Reproduce(args) => reproduce::run(&args, &features()).map(|()| ExitCode::SUCCESS),
        Chore::Package(package) => {
            distribution::run(&package, &features()).map(|()| ExitCode::SUCCESS)
        }
        Chore::Recording(args) => recording::run(&args, &features()).map(|()| ExitCode::SUCCESS),
        Chore::Ci(selection) => ci::run(&selection, &cli.features.unwrap_or_else(Features::all)),
    }
}

/// Doubles a `--` right after the chore's name. clap takes the first one for itself, and
/// `cargo xtask test -- --nocapture` has to hand it on.
fn keep_separator(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut args: Vec<_> = args.collect();
    let chore = args.iter().position(|arg| arg == "train" || arg == "test");
    if let Some(next) = chore.map(|chore| chore + 1)
        && args.get(next).is_some_and(|arg| arg == "--")
    {
        args.insert(next, "--".into());
    }
    args
}

#[cfg(test)]
mod tests;
