//! What the commands about runs that are there, and about this machine, are told.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  minigpt runs                        the runs in runs/, the newest first
  minigpt runs --sort best            the best first, by bits per byte, which compares tokenizers
  minigpt runs elsewhere --json
  minigpt runs --prune                what could be removed, and what that would free
  minigpt runs --prune --yes          remove it
  minigpt runs runs/austen --prune    the same for one run

From a complete run, --prune removes all checkpoints but the best, the last, and the one before a
stable learning rate fell, from which --continue starts. If the best checkpoint is neither of the
other two, --prune removes its optimiser state too. From every run that is not training, --prune
removes unfinished checkpoints and temporary files an hour after the last write. It keeps what
resuming, generating and measuring need.")]
pub(crate) struct RunsArgs {
    /// Folder that holds runs, or one run [default: runs]
    pub(crate) folder: Option<PathBuf>,
    /// Order of the list
    #[arg(long, value_enum, default_value_t = RunOrder::Date)]
    pub(crate) sort: RunOrder,
    /// List what can be removed and the bytes that it frees; nothing is removed without --yes
    #[arg(long, conflicts_with = "sort")]
    pub(crate) prune: bool,
    /// Remove what --prune lists
    #[arg(long, requires = "prune")]
    pub(crate) yes: bool,
    /// Print a JSON array of the runs; with --prune an object
    #[arg(long)]
    pub(crate) json: bool,
}

/// By what runs are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RunOrder {
    /// By name
    Name,
    /// The newest first
    Date,
    /// The lowest bits per byte of a validation first; classifiers follow, by nats per label
    Best,
    /// The largest on disk first
    Size,
}

#[derive(Args, Debug)]
#[command(
    group = ArgGroup::new("written").required(true).multiple(true).args(["mlflow", "csv"]),
    after_help = "Examples:
  minigpt track runs/austen --mlflow mlruns
  minigpt track runs/* --mlflow mlruns --experiment novels     several runs; repeat to update
  minigpt track runs/austen --csv austen.csv                   for trackio.import_csv and others

TensorBoard reads run folders directly: tensorboard --logdir runs. docs/trackers.md says how each
tracker reads what is written."
)]
pub(crate) struct TrackArgs {
    /// Run folders, complete or still training
    #[arg(required = true)]
    pub(crate) runs: Vec<PathBuf>,
    /// Write the runs into this folder as MLflow's file store: parameters, metrics, tags, pictures and samples. A run
    /// that the store already has is updated
    #[arg(long, value_name = "FOLDER")]
    pub(crate) mlflow: Option<PathBuf>,
    /// Name of the experiment in MLflow; created if missing
    #[arg(long, value_name = "NAME", default_value = "minigpt", requires = "mlflow")]
    pub(crate) experiment: String,
    /// Write the figures of one run as a table with a row for each step, as trackio imports it
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,
    /// Print a JSON array of what was written
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  minigpt doctor
  minigpt doctor --offline --json

Exit codes: 0 no problem, 1 a problem. Notes are not problems: they say what limits speed or
features.")]
pub(crate) struct DoctorArgs {
    /// Work without a network: leave the Hugging Face hub out
    #[arg(long)]
    pub(crate) offline: bool,
    /// Print a JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
