//! `minigpt runs --prune`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use minigpt_train::{FoundRun, Prunable, PrunablePart, RunFolder, RunState, TrainError};
use serde::Serialize;

use super::{escaped, on_a_line};
use crate::args::RunsArgs;
use crate::terminal::format::bytes;
use crate::terminal::output::{print, say, terminal_width};
use crate::terminal::table::{Column, fitted};

/// What was removed, or would be.
#[derive(Default, Serialize)]
struct Pruned {
    /// Whether it is gone.
    removed: bool,
    bytes: u64,
    parts: Vec<Prunable>,
    /// Runs whose checkpoints stay, and why.
    left_alone: Vec<LeftAlone>,
}

#[derive(Serialize)]
struct LeftAlone {
    run: PathBuf,
    why: String,
}

pub(super) fn run(runs: &[FoundRun], args: &RunsArgs) -> Result<ExitCode> {
    let mut pruned = Pruned { removed: args.yes, ..Pruned::default() };
    let mut failed = None;
    for run in runs {
        // Checksums of large checkpoints take seconds.
        say(format_args!("checking: {}", run.path().display()));
        let mut leave = |why| pruned.left_alone.push(LeftAlone { run: run.path().to_owned(), why });
        let folder = match readable(run) {
            Ok(folder) => folder,
            Err(error) => {
                leave(error.to_string());
                continue;
            }
        };
        match folder.state() {
            RunState::Finished => {}
            state => leave(state.to_string()),
        }
        if let Err(error) = prune(&folder, args.yes, &mut pruned.parts) {
            leave(error.to_string());
            failed.get_or_insert(error);
        }
    }
    pruned.bytes = pruned.parts.iter().map(|part| part.bytes).sum();
    if args.json {
        let json = serde_json::to_string_pretty(&pruned)?;
        print(|out| writeln!(out, "{json}"))?;
    } else {
        print(|out| write!(out, "{}", in_words(&pruned, terminal_width())))?;
    }
    match failed {
        None => Ok(ExitCode::SUCCESS),
        Some(error) => Err(error.into()),
    }
}

/// The run's folder; nothing is done to one whose settings cannot be read.
fn readable(run: &FoundRun) -> Result<RunFolder, TrainError> {
    let folder = run.folder()?;
    folder.config()?;
    Ok(folder)
}

/// Adds to `parts` what of a run can go, gone where `yes` says so; nothing of one that trains.
fn prune(folder: &RunFolder, yes: bool, parts: &mut Vec<Prunable>) -> Result<(), TrainError> {
    if yes && folder.state() != RunState::Training {
        return folder.prune(parts);
    }
    parts.extend(folder.prunable()?);
    Ok(())
}

fn in_words(pruned: &Pruned, width: Option<usize>) -> String {
    let columns = [Column::left("what"), Column::right("size"), Column::left("why it can go")];
    let row = |part: &Prunable| {
        vec![
            escaped(&part.path.display().to_string()),
            bytes(part.bytes),
            reason(part.part).to_owned(),
        ]
    };
    let mut text = String::new();
    if !pruned.parts.is_empty() {
        let rows: Vec<_> = pruned.parts.iter().map(row).collect();
        text += &fitted(&columns, &rows, width);
    }
    for LeftAlone { run, why } in &pruned.left_alone {
        let run = escaped(&run.display().to_string());
        text += &format!("kept: the checkpoints of {run}: {}\n", on_a_line(why));
    }
    let sum = bytes(pruned.bytes);
    text + &match (pruned.parts.is_empty(), pruned.removed) {
        (true, _) => "nothing to remove\n".to_owned(),
        (false, true) => format!("freed {sum}\n"),
        (false, false) => {
            format!("would free {sum}; nothing was removed: add --yes to remove it\n")
        }
    }
}

fn reason(part: PrunablePart) -> &'static str {
    match part {
        PrunablePart::Checkpoint { .. } => "neither the best nor needed to continue",
        PrunablePart::OptimizerState { .. } => {
            "generating from the best checkpoint does not need it"
        }
        PrunablePart::BrokenOff => "an unfinished checkpoint",
        PrunablePart::Temporary => "left by a process that ended",
    }
}
