//! `cargo xtask ci`: the steps, what each one checks, and the table of times at the end.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};

use crate::cargo::{self, cargo};
use crate::features::{Features, OF_PACKAGES, OF_THE_PROGRAM};
use crate::{documents, packages, structure, test};

/// What a crate must never need. The model is for people who bring their own program, pictures build in seconds,
/// and whoever writes or measures texts does not train.
const LEAN: [(&str, &[&str]); 4] = [
    ("minigpt-model", &["tokenizers", "minigpt-retrieval", "plotters", "clap", "burn-train"]),
    ("minigpt-plot", &["burn", "tokenizers", "rayon"]),
    ("minigpt-text", &["minigpt-retrieval", "plotters", "clap", "burn-train"]),
    ("minigpt-eval", &["minigpt-retrieval", "plotters", "clap", "burn-train"]),
];

/// A step of CI; the order here is the order of running, cheapest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Step {
    /// Formatting
    Fmt,
    /// Crates need each other one way, and the modules of a crate in no circle
    Structure,
    /// Links, headings, lines and pictures of the documents
    Documents,
    /// The dependency trees of the model and of what stands on it stay lean
    Lean,
    /// The program and the tests build every dependency with the same features, hence once
    OneBuild,
    /// Licences, sources and banned crates, with cargo-deny
    Deny,
    /// Security advisories, with cargo-deny; needs a network and runs only with `--only`
    Advisories,
    /// Lints of every target for the CPU alone; warnings are errors
    Clippy,
    /// Lints with the other features that documents name, and of packages alone; each checks burn again
    Features,
    /// Documentation without warnings, for the CPU alone
    Doc,
    /// The crates compile from what would be published
    Package,
    /// The kernels' unsafe code under AddressSanitizer, on x86-64 Linux
    Sanitizer,
    /// All tests
    Test,
}

/// Which steps to run.
#[derive(Args)]
pub(crate) struct Selection {
    /// Run this step only; may be given several times
    #[arg(long, value_name = "STEP", conflicts_with = "skip")]
    only: Vec<Step>,
    /// Leave this step out; may be given several times
    #[arg(long, value_name = "STEP")]
    skip: Vec<Step>,
}

impl Selection {
    fn steps(&self) -> Vec<Step> {
        let chosen = |step: &Step| {
            if self.only.is_empty() {
                *step != Step::Advisories && !self.skip.contains(step)
            } else {
                self.only.contains(step)
            }
        };
        Step::value_variants().iter().copied().filter(chosen).collect()
    }
}

/// How a step that did not fail ended.
enum Outcome {
    Passed,
    Skipped,
}

/// Runs the chosen steps until one fails, then prints how long each took.
pub(crate) fn run(selection: &Selection, features: &Features) -> Result<ExitCode> {
    let mut rows = Vec::new();
    let mut failure = None;
    for step in selection.steps() {
        println!("\n=== {} ===", name(step));
        let start = Instant::now();
        let result = run_step(step, features);
        let elapsed = start.elapsed();
        let outcome = match &result {
            Ok(Outcome::Passed) => "ok",
            Ok(Outcome::Skipped) => "SKIPPED",
            Err(_) => "FAILED",
        };
        println!("=== {}: {outcome} after {:.1} s ===", name(step), elapsed.as_secs_f64());
        rows.push((name(step), outcome, elapsed));
        if let Err(error) = result {
            failure = Some(error);
            break;
        }
    }
    print!("\n{}", table(&rows));
    match failure {
        None => Ok(ExitCode::SUCCESS),
        Some(error) => {
            eprintln!("\nerror: {error:#}");
            Ok(ExitCode::FAILURE)
        }
    }
}

fn run_step(step: Step, features: &Features) -> Result<Outcome> {
    match step {
        Step::Fmt => cargo::run(&mut cargo(["fmt", "--all", "--check"]))?,
        Step::Structure => structure::check()?,
        Step::Documents => documents::check()?,
        Step::Lean => LEAN.iter().try_for_each(|(package, banned)| lean(package, banned))?,
        Step::OneBuild => one_build(features)?,
        Step::Deny => return deny(&["licenses", "bans", "sources"]),
        Step::Advisories => return deny(&["advisories"]),
        Step::Clippy => cargo::run(&mut clippy(&Features::of_the_cpu()))?,
        Step::Features => {
            for features in OF_THE_PROGRAM.map(Features::of_the_program) {
                cargo::run(&mut clippy(&features))?;
                cargo::run(&mut doc(&features))?;
            }
            for (package, features) in OF_PACKAGES {
                cargo::run(&mut clippy_of(package, features))?;
            }
        }
        Step::Doc => cargo::run(&mut doc(&Features::of_the_cpu()))?,
        Step::Package => packages::check()?,
        Step::Sanitizer => return sanitizer(),
        Step::Test => {
            without_warnings(&mut cargo::test(features, &["--no-run".into()]))?;
            ensure!(test::run(features, &[])? == ExitCode::SUCCESS, "a test failed");
        }
    }
    Ok(Outcome::Passed)
}

/// Only here are warnings errors: elsewhere a newer compiler's lint must not break a build.
fn clippy(features: &Features) -> Command {
    let mut command = cargo(["clippy", "--release", "--workspace", "--all-targets"]);
    command.args(features.flags()).args(["--", "-D", "warnings"]);
    command
}

/// With the release profile, as clippy: both check the same dependencies.
fn doc(features: &Features) -> Command {
    let mut command = cargo(["doc", "--release", "--workspace", "--no-deps"]);
    command.args(features.flags()).env("RUSTDOCFLAGS", "-D warnings");
    command
}

fn clippy_of(package: &str, features: &[&str]) -> Command {
    let mut command = cargo(["clippy", "--release", "--package", package, "--no-default-features"]);
    command.args(features.iter().map(|feature| format!("--features={feature}")));
    command.args(["--", "-D", "warnings"]);
    command
}

/// Fails if a crate, even with all its features, pulls in what it must not.
fn lean(package: &str, banned: &[&'static str]) -> Result<()> {
    let tree = cargo::output(&mut cargo([
        "tree",
        &format!("--package={package}"),
        "--all-features",
        "--edges=normal",
        "--target=all",
        "--prefix=none",
        "--format={p}",
    ]))?;
    let found = unwanted(&tree, banned);
    ensure!(found.is_empty(), "{package} depends on {}", found.join(", "));
    println!("{package} needs none of {}", banned.join(", "));
    Ok(())
}

/// Which of `banned` are in a listing of one `name version` a line.
fn unwanted(tree: &str, banned: &[&'static str]) -> Vec<&'static str> {
    let is_in_tree = |name: &&str| tree.lines().any(|line| line.split(' ').next() == Some(name));
    banned.iter().copied().filter(is_in_tree).collect()
}

/// Fails if `cargo xtask train` and `cargo xtask test` would compile a crate with different features:
/// then they would compile all that builds on it, burn above all, twice.
fn one_build(features: &Features) -> Result<()> {
    let built = |selection: &[&str]| {
        let mut command = cargo(["tree", "--prefix=none", "--format={p} [{f}]"]);
        cargo::output(command.args(features.flags()).args(selection))
    };
    let program = built(&["--package=minigpt-cli", "--edges=normal,build"])?;
    let tests = built(&["--workspace"])?;
    let different = only_in_first(&program, &tests);
    ensure!(
        different.is_empty(),
        "the tests build these crates with other features than the program does:\n{}",
        different.join("\n")
    );
    println!("the tests build all that the program needs with the same features");
    Ok(())
}

/// The lines of one listing that are not in the other. `(*)` marks a crate that was listed before.
fn only_in_first<'a>(first: &'a str, second: &'a str) -> Vec<&'a str> {
    let second: BTreeSet<_> = second.lines().map(bare).collect();
    let first: BTreeSet<_> = first.lines().map(bare).filter(|line| !line.is_empty()).collect();
    first.difference(&second).copied().collect()
}

fn bare(line: &str) -> &str {
    line.trim_end_matches(" (*)")
}

fn deny(checks: &[&str]) -> Result<Outcome> {
    let installed = cargo(["deny", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !installed {
        println!("SKIPPED: cargo-deny is not installed; `cargo install --locked cargo-deny`");
        return Ok(Outcome::Skipped);
    }
    cargo::run(cargo(["deny", "check"]).args(checks))?;
    Ok(Outcome::Passed)
}

/// Runs the kernels' tests with every read and write checked. minigpt-ops stands below burn, so that this
/// build of its own is small; stable cargo knows sanitizers behind a variable.
fn sanitizer() -> Result<Outcome> {
    const TARGET: &str = "x86_64-unknown-linux-gnu";
    if !cfg!(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu")) {
        println!("SKIPPED: only {TARGET} comes with a sanitizer's library");
        return Ok(Outcome::Skipped);
    }
    let mut command = cargo(["test", "--release", "--package=minigpt-ops", "--lib", "--tests"]);
    command.args(["--target", TARGET, "--target-dir=target/sanitizer"]);
    // It is the reads and writes that matter, not their speed.
    for package in ["minigpt-ops", "gemm-c32", "gemm-c64", "gemm-f16", "gemm-f32", "gemm-f64"] {
        command.args(["--config", &format!("profile.release.package.{package}.opt-level=1")]);
    }
    command.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", "-Zsanitizer=address");
    cargo::run(&mut command)?;
    Ok(Outcome::Passed)
}

/// Runs a build that must not warn. No flag of the compiler's does it: with other flags all dependencies would be
/// built again. cargo repeats the warnings of what it had built before.
fn without_warnings(build: &mut Command) -> Result<()> {
    let shown = cargo::show(build);
    println!("$ {shown}");
    let mut running = build.stderr(Stdio::piped()).spawn()?;
    let mut warnings = 0;
    for line in running.stderr.take().map(BufReader::new).into_iter().flat_map(BufRead::lines) {
        let line = line?;
        eprintln!("{line}");
        warnings += usize::from(tells_of_warnings(&line));
    }
    ensure!(running.wait()?.success(), "`{shown}` failed");
    ensure!(warnings == 0, "{warnings} crates have warnings: they are errors here");
    Ok(())
}

/// True for the line that cargo ends the warnings of a crate with.
fn tells_of_warnings(line: &str) -> bool {
    line.starts_with("warning: `") && line.contains(" generated ")
}

fn name(step: Step) -> String {
    step.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

/// The steps with their outcome and seconds, and the sum.
fn table(rows: &[(String, &str, Duration)]) -> String {
    let total = rows.iter().map(|(_, _, elapsed)| *elapsed).sum();
    let line = |name: &str, outcome: &str, elapsed: Duration| {
        format!("{name:<12} {outcome:<8} {:>8.1} s\n", elapsed.as_secs_f64())
    };
    let mut table: String =
        rows.iter().map(|(name, outcome, elapsed)| line(name, outcome, *elapsed)).collect();
    table += &line("total", "", total);
    table
}

#[cfg(test)]
mod tests;
