//! What a sweep says before it starts and at its end.

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use minigpt_train::{Outcome, Sweep, SweepRecord, shell_word};
use serde::Serialize;

use super::{Session, Stop};
use crate::terminal::format::{duration, grouped};
use crate::terminal::output::{print, say, terminal_width};
use crate::terminal::table::{Column, fitted};

/// Settings that are listed before a sweep starts.
const LISTED: usize = 20;

/// Says what will be trained, and how long it takes.
pub(super) fn describe(sweep: &Sweep, folder: &Path, seconds: f64, done: usize) {
    let (settings, seeds) = (sweep.settings.len(), sweep.file.seeds.len());
    let trials = settings * seeds;
    let there = if done > 0 { format!("; {done} are there already") } else { String::new() };
    say(format_args!(
        "sweep: {settings} setting{} with {seeds} seed{}: {trials} trials, in {}{there}",
        plural(settings),
        plural(seeds),
        folder.display()
    ));
    if let Some(halving) = &sweep.file.halving {
        let (first, rungs) = (halving.keep, &halving.rungs);
        say(format_args!(
            "halving: the best {first} of the settings goes on after steps {rungs:?}"
        ));
    }
    let budget = sweep.file.budget_minutes.map(|minutes| {
        let exceeds =
            if seconds > minutes * 60.0 { ", so that some trials are not begun" } else { "" };
        format!("; the budget is {}{exceeds}", duration(minutes * 60.0))
    });
    say(format_args!("time: about {}{}", duration(seconds), budget.unwrap_or_default()));
    for setting in sweep.settings.iter().take(LISTED) {
        say(format_args!("  {}", setting.in_words()));
    }
    if settings > LISTED {
        say(format_args!("  and {} more", settings - LISTED));
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// What `--dry-run --json` prints.
#[derive(Serialize)]
struct Estimate {
    settings: usize,
    trials: usize,
    minutes: f64,
}

/// Prints what the sweep would be, for programs.
pub(super) fn dry_run(sweep: &Sweep, seconds: f64, json: bool) -> Result<()> {
    if !json {
        return Ok(());
    }
    let (settings, trials) = (sweep.settings.len(), sweep.trials().len());
    let json = serde_json::to_string(&Estimate { settings, trials, minutes: seconds / 60.0 })?;
    print(|out| writeln!(out, "{json}"))
}

/// Prints what the sweep came to, and says what comes next.
pub(super) fn results(
    session: &Session<'_>,
    record: &SweepRecord,
    picture: Option<&Path>,
    stop: &Stop,
) -> Result<()> {
    if session.args.json {
        let json = serde_json::to_string_pretty(record)?;
        print(|out| writeln!(out, "{json}"))?;
    } else {
        print(|out| in_words(record, terminal_width(), out))?;
    }
    let folder = session.folder.display();
    say(format_args!("table: {folder}/{}", SweepRecord::FILE));
    if let Some(picture) = picture {
        say(format_args!("picture: {}", picture.display()));
    }
    say(format_args!("runs: minigpt runs {} --sort best", shell_word(&folder.to_string())));
    let again = format!("minigpt sweep {}", shell_word(&session.args.file.display().to_string()));
    match stop {
        Stop::Done => {}
        Stop::Budget => say(format_args!(
            "the budget is used up before all trials are done: raise budget_minutes to go on: {again}"
        )),
        Stop::Signal(_) => say(format_args!("go on: {again}")),
    }
    Ok(())
}

fn in_words(
    record: &SweepRecord,
    width: Option<usize>,
    out: &mut impl Write,
) -> std::io::Result<()> {
    let columns = [
        Column::left("setting"),
        Column::right("bits/byte"),
        Column::right("±"),
        Column::right("seeds"),
        Column::right("steps"),
        Column::right("seconds"),
        Column::left("state").leaves(1),
    ];
    let rows: Vec<Vec<String>> = record.settings.iter().map(row).collect();
    writeln!(out)?;
    write!(out, "{}", fitted(&columns, &rows, width))?;
    let Some(command) = &record.command else {
        return writeln!(out, "\nno setting is complete yet");
    };
    let tried = record.settings.len();
    writeln!(
        out,
        "\n±: standard deviation over seeds. The best of {tried} setting{} on the validation text:\n{command}",
        plural(tried)
    )
}

fn row(outcome: &Outcome) -> Vec<String> {
    let measured: Vec<_> = outcome.runs.iter().filter(|run| run.bits_per_byte.is_some()).collect();
    let number = |number: Option<f64>, digits: usize| {
        number.map_or_else(|| "–".to_owned(), |number| format!("{number:.digits$}"))
    };
    let steps = outcome.runs.iter().map(|run| run.steps).max().unwrap_or(0);
    let seconds =
        measured.iter().map(|run| run.seconds).sum::<f64>() / measured.len().max(1) as f64;
    let state = match outcome.ended_at {
        _ if outcome.is_complete => "complete".to_owned(),
        Some(step) => format!("ended after {step} steps"),
        None if measured.is_empty() && outcome.runs.iter().all(|run| run.steps == 0) => {
            "not begun".to_owned()
        }
        None => "not complete".to_owned(),
    };
    vec![
        outcome.words.clone(),
        number(outcome.mean, 4),
        number(outcome.deviation, 4),
        measured.len().to_string(),
        grouped(steps as u64),
        number(Some(seconds).filter(|seconds| seconds.is_finite()), 1),
        state,
    ]
}
