//! `cargo xtask test`: all tests, and at the end which of them were skipped, and why.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result};

use crate::cargo;
use crate::features::Features;

/// What a test that cannot run here writes to standard error, before the reason. It writes there itself, not
/// by `eprintln!`, whose output the test harness keeps to itself where a test passes.
const SKIPPED: &str = "SKIPPED: ";

/// Builds and runs the tests. Arguments choose among those of the workspace.
pub(crate) fn run(features: &Features, args: &[OsString]) -> Result<ExitCode> {
    // Apart, so that cargo has the terminal while it compiles.
    let only_build: Vec<OsString> =
        [OsString::from("--no-run")].iter().chain(args).cloned().collect();
    cargo::run(&mut cargo::test(features, &only_build))?;
    let mut command = cargo::test(features, args);
    let shown = cargo::show(&command);
    println!("$ {shown}");
    let mut tests = command
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("could not start `{shown}`"))?;
    let mut reasons = BTreeMap::new();
    let lines = tests.stderr.take().map(BufReader::new).into_iter();
    for line in lines.flat_map(|errors| errors.split(b'\n')) {
        let line = String::from_utf8_lossy(&line?).into_owned();
        eprintln!("{line}");
        count(&line, &mut reasons);
    }
    let status = tests.wait()?;
    print!("{}", report(&reasons, &features.missing()));
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

fn count(line: &str, reasons: &mut BTreeMap<String, usize>) {
    // The harness's own words may stand before it on the line.
    if let Some((_, reason)) = line.split_once(SKIPPED) {
        *reasons.entry(reason.to_owned()).or_default() += 1;
    }
}

/// The reasons with the number of tests that gave each, and the features whose tests were not built.
fn report(reasons: &BTreeMap<String, usize>, missing: &[&str]) -> String {
    let number: usize = reasons.values().sum();
    let mut report = match number {
        0 => "\nskipped: no test\n".to_owned(),
        1 => "\nskipped: 1 test, which counts as passed above\n".to_owned(),
        _ => format!("\nskipped: {number} tests, which count as passed above\n"),
    };
    for (reason, tests) in reasons {
        report += &format!("  {tests:>3}  {reason}\n");
    }
    if !missing.is_empty() {
        let flags = missing.join(",");
        report += &format!(
            "not built: the tests of {}; `cargo xtask --features {flags} test` builds them\n",
            missing.join(" and ")
        );
    }
    report
}

#[cfg(test)]
mod tests;
