//! `minigpt doctor`: what this machine and this program have, what is wrong, and what would change what.
//!
//! Nothing here may hang: what asks a driver, a disk or a network does so on a thread that is given up in time.

mod devices;
mod disk;
mod hub;
mod limited;
mod processor;
mod program;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;

use crate::args::DoctorArgs;
use crate::terminal::format::counted;
use crate::terminal::output::{print, say};

/// What was found of one thing.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Check {
    name: &'static str,
    state: State,
    /// What there is.
    found: String,
    /// What it changes, or what would change it.
    #[serde(skip_serializing_if = "Option::is_none")]
    means: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    /// Something would be different otherwise.
    Note,
    /// Something does not work.
    Problem,
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, state: State::Ok, found: found.into(), means: None }
    }

    fn note(name: &'static str, found: impl Into<String>, means: impl Into<String>) -> Self {
        Self { name, state: State::Note, found: found.into(), means: Some(means.into()) }
    }

    fn problem(name: &'static str, found: impl Into<String>, means: impl Into<String>) -> Self {
        Self { name, state: State::Problem, found: found.into(), means: Some(means.into()) }
    }
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    problems: usize,
    notes: usize,
    checks: Vec<Check>,
}

pub(crate) fn run(args: &DoctorArgs) -> Result<ExitCode> {
    let mut report = Report { problems: 0, notes: 0, checks: Vec::new() };
    let mut add = |checks: Vec<Check>| -> Result<()> {
        if !args.json {
            // As they come: some take seconds.
            print(|out| checks.iter().try_for_each(|check| write!(out, "{}", in_words(check))))?;
        }
        report.checks.extend(checks);
        Ok(())
    };
    add(program::checks())?;
    add(processor::checks())?;
    add(devices::checks(&mut |what| say(format_args!("checking: {what}"))))?;
    let hub = hub::from_env();
    add(disk::checks(hub.as_ref()))?;
    add(vec![hub::check(hub, args.offline)])?;

    let count = |state| report.checks.iter().filter(|check| check.state == state).count();
    (report.problems, report.notes) = (count(State::Problem), count(State::Note));
    if args.json {
        let json = serde_json::to_string_pretty(&report)?;
        print(|out| writeln!(out, "{json}"))?;
    } else {
        let [problems, notes] =
            [counted(report.problems, "problem"), counted(report.notes, "note")];
        print(|out| writeln!(out, "\n{problems}, {notes}"))?;
    }
    Ok(if report.problems == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn in_words(check: &Check) -> String {
    let state = match check.state {
        State::Ok => "ok",
        State::Note => "note",
        State::Problem => "PROBLEM",
    };
    let line = format!("{state:<8} {:<13} {}\n", check.name, check.found);
    match &check.means {
        Some(means) => format!("{line}{:22} → {means}\n", ""),
        None => line,
    }
}

#[cfg(test)]
mod tests;
