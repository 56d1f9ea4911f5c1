//! `minigpt track`: runs for the programs that follow and compare experiments.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use minigpt_train::{FoundRun, MlflowRun, MlflowStore, write_wide_table};
use serde::Serialize;

use crate::args::TrackArgs;
use crate::outputs;
use crate::terminal::format::grouped;
use crate::terminal::output::{print, printable, say};

/// What was written of a run.
#[derive(Serialize)]
struct Tracked {
    run: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    mlflow: Option<MlflowRun>,
    #[serde(skip_serializing_if = "Option::is_none")]
    csv: Option<Table>,
}

#[derive(Serialize)]
struct Table {
    path: PathBuf,
    rows: usize,
}

pub(crate) fn run(args: &TrackArgs) -> Result<ExitCode> {
    // All of them, before the first is written.
    let runs: Vec<FoundRun> = args.runs.iter().map(|path| found(path)).collect::<Result<_>>()?;
    if args.csv.is_some() && runs.len() > 1 {
        bail!("--csv holds one run: expected one run folder, found {}", runs.len());
    }
    if args.experiment.trim().is_empty() || args.experiment.chars().count() > 500 {
        bail!("--experiment {:?}: expected a name of 1 to 500 characters", args.experiment);
    }
    if let Some(path) = &args.csv {
        outputs::check_table("--csv", path)?;
    }
    let store = args.mlflow.as_deref().map(MlflowStore::open).transpose()?;
    let mut tracked = Vec::new();
    for run in &runs {
        if let Some(error) = run.folder().ok().and_then(|folder| folder.unreadable_rows()) {
            say(format_args!("warning: {error}"));
        }
        let write = |store: &MlflowStore| store.write(run, &args.experiment);
        let mlflow = store.as_ref().map(write).transpose()?;
        let table = |path: &PathBuf| -> Result<Table> {
            Ok(Table { path: path.clone(), rows: write_wide_table(run, path)? })
        };
        let csv = args.csv.as_ref().map(table).transpose()?;
        tracked.push(Tracked { run: run.path().to_owned(), mlflow, csv });
    }
    if args.json {
        let json = serde_json::to_string_pretty(&tracked)?;
        print(|out| writeln!(out, "{json}"))?;
    } else {
        print(|out| tracked.iter().try_for_each(|tracked| in_words(tracked, out)))?;
    }
    what_next(args, &runs);
    Ok(ExitCode::SUCCESS)
}

fn found(path: &Path) -> Result<FoundRun> {
    FoundRun::named(path).with_context(|| {
        let (path, found) = (path.display(), path.exists());
        let wrong = if found { "is not a run folder" } else { "does not exist" };
        format!("{path} {wrong}: expected the folder of a run, with its config.json")
    })
}

fn in_words(tracked: &Tracked, out: &mut impl Write) -> std::io::Result<()> {
    let shown = |path: &Path| printable(&path.display().to_string());
    let run = shown(&tracked.run);
    if let Some(mlflow) = &tracked.mlflow {
        writeln!(out, "{run}: {}", shown(&mlflow.path))?;
    }
    if let Some(Table { path, rows }) = &tracked.csv {
        writeln!(out, "{run}: {} rows in {}", grouped(*rows as u64), shown(path))?;
    }
    Ok(())
}

fn what_next(args: &TrackArgs, runs: &[FoundRun]) {
    if let Some(folder) = &args.mlflow {
        // Newer MLflow opens such a folder only where this is set.
        say(format_args!(
            "look: MLFLOW_ALLOW_FILE_STORE=true mlflow ui --backend-store-uri {}",
            folder.display()
        ));
    }
    if let (Some(path), Some(run)) = (args.csv.as_ref().filter(|path| path.is_file()), runs.first())
    {
        say(format_args!(
            "import: trackio.import_csv({}, project={})",
            python_text(&path.display().to_string()),
            python_text(run.name())
        ));
    }
}

/// A text as Python writes it; JSON's is one of its own ways.
fn python_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests;
