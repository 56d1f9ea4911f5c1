//! `minigpt runs`: what runs there are, and what of them can go.

mod prune;

use std::cmp::Reverse;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::{Result, bail};
use minigpt_files::size_below;
use minigpt_train::{FoundRun, Overview, RunState, Runs, newest_first, shell_word};
use serde::Serialize;

use crate::args::{RunOrder, RunsArgs};
use crate::terminal::format::{ago, bytes, count, decimals, grouped};
use crate::terminal::output::{print, printable, say, terminal_width};
use crate::terminal::table::{Column, fitted};

/// Where runs are if nobody says.
const FOLDER: &str = "runs";

/// Entries of a run's folder whose bytes are added up.
const ENTRIES: usize = 100_000;

pub(crate) fn run(args: &RunsArgs) -> Result<ExitCode> {
    let mut runs = find(args)?;
    newest_first(&mut runs);
    if args.prune {
        return prune::run(&runs, args);
    }
    let mut listed: Vec<Listed> = runs.iter().map(Listed::of).collect();
    sort(&mut listed, args.sort);
    if args.json {
        let json = serde_json::to_string_pretty(&listed)?;
        print(|out| writeln!(out, "{json}"))?;
    } else {
        print(|out| write!(out, "{}", in_words(&listed, terminal_width())))?;
        what_next(&listed, args);
    }
    Ok(ExitCode::SUCCESS)
}

/// The runs of the folder, or the one that it is.
fn find(args: &RunsArgs) -> Result<Vec<FoundRun>> {
    let folder = args.folder.clone().unwrap_or_else(|| PathBuf::from(FOLDER));
    // Of what is named a link is followed; of what lies in it none is.
    let is_link = folder.symlink_metadata().is_ok_and(|found| found.is_symlink());
    let named = match is_link {
        true => fs_err::canonicalize(&folder)?,
        false => folder.clone(),
    };
    if let Some(run) = FoundRun::at(&named) {
        return Ok(vec![run]);
    }
    if args.folder.is_some() && !folder.exists() {
        bail!("{} does not exist: expected a folder that holds runs, or a run", folder.display());
    }
    Ok(Runs::new(folder).find()?)
}

/// What is told of a run.
#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    overview: Overview,
    path: PathBuf,
    /// On the disk.
    bytes: u64,
}

impl Listed {
    fn of(run: &FoundRun) -> Self {
        Self {
            overview: Overview::of(run),
            path: run.path().to_owned(),
            bytes: size_below(run.path(), ENTRIES).map_or(0, |size| size.bytes),
        }
    }
}

/// They come as the newest first, and stay so where they are equal.
fn sort(listed: &mut [Listed], order: RunOrder) {
    match order {
        RunOrder::Date => {}
        RunOrder::Name => listed.sort_by(|a, b| a.overview.name.cmp(&b.overview.name)),
        RunOrder::Size => listed.sort_by_key(|run| Reverse(run.bytes)),
        RunOrder::Best => {
            // Classifiers after those that predict text: their figure is nats per label. Last those without one.
            let figure = |run: &Listed| match run.overview.best {
                None => (2, 0.0),
                Some(best) if run.overview.is_classifier => (1, finite_or_most(best.loss)),
                Some(best) => (0, finite_or_most(best.bits_per_byte)),
            };
            listed.sort_by(|a, b| {
                let ((group, value), (other_group, other)) = (figure(a), figure(b));
                group.cmp(&other_group).then(value.total_cmp(&other))
            });
        }
    }
}

fn finite_or_most(value: f64) -> f64 {
    if value.is_finite() { value } else { f64::MAX }
}

/// The table, its sum, and what is wrong with runs that are damaged.
fn in_words(listed: &[Listed], width: Option<usize>) -> String {
    if listed.is_empty() {
        return "no runs here yet: minigpt train makes one\n".to_owned();
    }
    let columns = [
        Column::left("name"),
        Column::left("state"),
        Column::right("steps"),
        Column::right("loss"),
        Column::right("bits/byte"),
        Column::right("size"),
        Column::right("when"),
        Column::left("model").leaves(1),
        Column::left("data").leaves(2),
    ];
    let now = SystemTime::now();
    let rows: Vec<Vec<String>> = listed.iter().map(|run| row(run, now)).collect();
    let mut text = fitted(&columns, &rows, width);
    for run in listed {
        if let Some(problem) = &run.overview.problem {
            text += &format!("{}: {}\n", escaped(&run.overview.name), on_a_line(problem));
        }
    }
    let total = listed.iter().map(|run| run.bytes).sum();
    let runs = if listed.len() == 1 { "run" } else { "runs" };
    text + &format!("{} {runs}, {}\n", listed.len(), bytes(total))
}

fn row(Listed { overview, bytes: size, .. }: &Listed, now: SystemTime) -> Vec<String> {
    let best = overview.best;
    let steps = match overview.steps {
        Some(planned) if planned > overview.step => {
            format!("{}/{}", grouped(overview.step as u64), grouped(planned as u64))
        }
        _ => grouped(overview.step as u64),
    };
    let when = overview.changed.or(overview.started).and_then(|seconds| {
        let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?;
        Some(ago(now.duration_since(time).unwrap_or_default()))
    });
    let figure = |value: Option<f64>| value.map_or_else(String::new, |value| decimals(value, 3));
    vec![
        escaped(&overview.name),
        overview.state.to_string(),
        steps,
        figure(best.map(|best| best.loss)),
        figure(best.filter(|_| !overview.is_classifier).map(|best| best.bits_per_byte)),
        bytes(*size),
        when.unwrap_or_default(),
        model(overview),
        on_a_line(overview.data.as_deref().unwrap_or_default()),
    ]
}

/// A folder's name as it can be told from any other: its control characters as Rust and Python write them.
fn escaped(name: &str) -> String {
    let shown = |c: char| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    name.chars().map(shown).collect()
}

/// What a file says, in a line of a table.
fn on_a_line(text: &str) -> String {
    printable(text).replace(['\n', '\t'], " ")
}

/// As `1.1M 4x128`, and of a tuned one what for.
fn model(overview: &Overview) -> String {
    let parameters = overview.parameters.map(|parameters| count(parameters as u64));
    let shape = overview.layers.zip(overview.width);
    let shape = shape.map(|(layers, width)| format!("{layers}x{width}"));
    let task = overview.task.clone();
    [parameters, shape, task].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// Says what may come next, to somebody who watches.
fn what_next(listed: &[Listed], args: &RunsArgs) {
    let stopped = listed.iter().find(|run| run.overview.state == RunState::Interrupted);
    if let Some(run) = stopped {
        let path = shell_word(&run.path.display().to_string());
        say(format_args!("resume: minigpt train --resume {path}"));
    }
    if !listed.is_empty() {
        let folder = args.folder.as_ref();
        let folder = folder.map(|folder| format!(" {}", shell_word(&folder.display().to_string())));
        say(format_args!("free space: minigpt runs{} --prune", folder.unwrap_or_default()));
    }
}

#[cfg(test)]
mod tests;
