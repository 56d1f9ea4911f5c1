//! What an attack found: a row for each format, and the failures by their reasons.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::formats::Format;
use super::trial::{Trial, Verdict, error};

/// All that an attack found.
#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) program: PathBuf,
    pub(crate) seed: u64,
    pub(crate) formats: Vec<Row>,
}

/// What the mutants of a format came to.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Row {
    pub(crate) format: String,
    pub(crate) mutants: usize,
    pub(crate) accepted: usize,
    pub(crate) refused: usize,
    /// Mutants that were accepted, or that begin as a file of the format does.
    pub(crate) past_header: usize,
    pub(crate) slowest_seconds: f64,
    /// Where the system tells it.
    pub(crate) peak_memory_bytes: Option<u64>,
    pub(crate) failures: Vec<FailedMutant>,
    /// How often mutants were refused for a reason, without its names and numbers.
    pub(crate) reasons: BTreeMap<String, usize>,
}

/// A mutant with which something went wrong.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FailedMutant {
    pub(crate) reason: String,
    pub(crate) mutant: usize,
    /// The file with the mistakes.
    pub(crate) file: PathBuf,
    /// Where all that the command needs is kept.
    pub(crate) folder: PathBuf,
    pub(crate) command: String,
    pub(crate) said: String,
}

impl Row {
    pub(crate) fn new(format: Format) -> Self {
        Self { format: format.to_string(), ..Self::default() }
    }

    /// Counts a trial; a failure is to be added to [`failures`](Self::failures) by who keeps its files.
    pub(crate) fn count(&mut self, trial: &Trial, has_header: bool) {
        self.mutants += 1;
        let is_accepted = trial.verdict == Verdict::Accepted;
        self.accepted += usize::from(is_accepted);
        self.past_header += usize::from(is_accepted || has_header);
        self.slowest_seconds = self.slowest_seconds.max(trial.seconds);
        self.peak_memory_bytes = self.peak_memory_bytes.max(trial.peak_memory);
        if trial.verdict == Verdict::Refused {
            self.refused += 1;
            let reason = without_details(error(&trial.said).unwrap_or_default());
            *self.reasons.entry(reason).or_default() += 1;
        }
    }

    /// Failures with their numbers, and one mutant of each reason.
    fn failures_by_reason(&self) -> BTreeMap<String, (usize, &FailedMutant)> {
        let mut reasons = BTreeMap::new();
        for failure in &self.failures {
            let said = failure.said.lines().rfind(|line| !line.contains("RUST_BACKTRACE"));
            let what = format!("{}: {}", failure.reason, without_details(said.unwrap_or_default()));
            reasons.entry(what).or_insert((0, failure)).0 += 1;
        }
        reasons
    }
}

/// The columns' names.
pub(crate) const HEAD: &str =
    "format        mutants accepted  refused  past header  slowest     peak  failures";

impl fmt::Display for Row {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = 100.0 * self.past_header as f64 / self.mutants.max(1) as f64;
        let peak = self.peak_memory_bytes.map(|bytes| format!("{} MiB", bytes >> 20));
        write!(
            out,
            "{:<12}{:>9}{:>9}{:>9}{:>11.0} %{:>7.2} s{:>9}{:>10}",
            self.format,
            self.mutants,
            self.accepted,
            self.refused,
            share,
            self.slowest_seconds,
            peak.as_deref().unwrap_or("–"),
            self.failures.len(),
        )
    }
}

impl fmt::Display for Report {
    /// The failures: the rows are shown as they come.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.formats {
            for (reason, (number, first)) in row.failures_by_reason() {
                writeln!(out, "\n{}, {number} times: {reason}", row.format)?;
                let (folder, command) = (first.folder.display(), &first.command);
                writeln!(out, "  cd {folder} && {command}")?;
                writeln!(out, "  the mutant: {}", first.file.display())?;
            }
        }
        Ok(())
    }
}

/// The longest part of an error that is kept to tell it from others.
const TOLD_APART: usize = 120;

/// An error without what differs from one mutant to the next: numbers, and what stands in quotes.
fn without_details(error: &str) -> String {
    let mut kept = String::new();
    let mut quote = None;
    for character in error.chars() {
        match quote {
            Some(end) if character == end => {
                quote = None;
                kept.push('…');
                kept.push(end);
            }
            Some(_) => {}
            None if matches!(character, '"' | '`') => {
                quote = Some(character);
                kept.push(character);
            }
            None if character.is_ascii_digit() => {
                if !kept.ends_with('0') {
                    kept.push('0');
                }
            }
            None => kept.push(character),
        }
    }
    kept.chars().take(TOLD_APART).collect()
}

#[cfg(test)]
mod tests;
