//! `minigpt runs --prune`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use minigpt_train::{FoundRun, Prunable, PrunablePart, RunState, TrainError};
use serde::Serialize;

use super::in_a_word;
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
    for run in runs {
        // Checksums of large checkpoints take seconds.
        say(format_args!("checking: {}", run.path().display()));
        match look(run, args.yes) {
            Ok((parts, state)) => {
                pruned.parts.extend(parts);
                if state != RunState::Finished {
                    let why = in_a_word(state).to_owned();
                    pruned.left_alone.push(LeftAlone { run: run.path().to_owned(), why });
                }
            }
            Err(error) => {
                let why = error.to_string();
                pruned.left_alone.push(LeftAlone { run: run.path().to_owned(), why });
            }
        }
    }
    pruned.bytes = pruned.parts.iter().map(|part| part.bytes).sum();
    if args.json {
        let json = serde_json::to_string_pretty(&pruned)?;
        print(|out| writeln!(out, "{json}"))?;
    } else {
        print(|out| write!(out, "{}", in_words(&pruned, terminal_width())))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What of a run can go, gone where `yes` says so, and the state that it is in.
fn look(run: &FoundRun, yes: bool) -> Result<(Vec<Prunable>, RunState), TrainError> {
    let folder = run.folder()?;
    // Nothing is done to a run whose settings cannot be read.
    folder.config()?;
    let state = folder.state();
    if state == RunState::Training {
        return Ok((Vec::new(), state));
    }
    let parts = if yes { folder.prune()? } else { folder.prunable()? };
    Ok((parts, state))
}

fn in_words(pruned: &Pruned, width: Option<usize>) -> String {
    let columns = [Column::left("what"), Column::right("size"), Column::left("why it can go")];
    let row = |part: &Prunable| {
        vec![part.path.display().to_string(), bytes(part.bytes), reason(part.part).to_owned()]
    };
    let mut text = String::new();
    if !pruned.parts.is_empty() {
        let rows: Vec<_> = pruned.parts.iter().map(row).collect();
        text += &fitted(&columns, &rows, width);
    }
    for LeftAlone { run, why } in &pruned.left_alone {
        text += &format!("kept: the checkpoints of {}: {why}\n", run.display());
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
        PrunablePart::Checkpoint { .. } => "neither the best checkpoint nor the last",
        PrunablePart::OptimizerState { .. } => "the best checkpoint writes without it",
        PrunablePart::BrokenOff => "a checkpoint broken off as it was written",
        PrunablePart::Temporary => "left by a process that ended",
    }
}
