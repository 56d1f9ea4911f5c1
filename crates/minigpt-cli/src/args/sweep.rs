//! What `minigpt sweep` is told besides its file.

use std::path::PathBuf;

use clap::Args;

use super::folder_or_nothing;
use crate::device::precision::PrecisionChoice;
use crate::device::{DEVICE_HELP, DeviceChoice};

#[derive(Args, Debug)]
#[command(
    after_help = "A file that tries Muon's learning rate and two vocabularies, each with three seeds:

  preset = \"austen\"
  seeds = [1, 2, 3]
  budget_minutes = 30
  [set]
  training.max_steps = 600
  [vary]
  schedule.learning_rate = { from = 1e-3, to = 1e-2, steps = 3, scale = \"log\" }
  data.tokenizer = [\"bpe:8192\", \"bpe:16384\"]

[set] and [vary] take any setting of a run's config.json. method = \"random\" with settings = 20 draws
20 settings instead of trying every combination. [halving] with rungs = [100, 300] ends the worse
half of the trials at these steps; with keep = \"third\", it ends the worse two thirds.
[variants.NAME] has settings that change together. data = \"notes.txt\" names another text.

Every trial is a run folder in runs/FILE/, next to sweep.json and sweep.png. The same command
resumes where it stopped, and does not repeat complete trials.

Examples:
  minigpt sweep rates.toml --dry-run
  minigpt sweep rates.toml
  minigpt sweep rates.toml --json > table.json
  minigpt runs runs/rates --sort best
  minigpt plot runs/rates/*-s1

Exit codes: 0 done, or the budget is used up; 1 an error, 2 a wrong command line, 130 interrupted by
Ctrl-C and saved, 143 by SIGTERM."
)]
pub(crate) struct SweepArgs {
    /// File that describes the sweep, in TOML
    pub(crate) file: PathBuf,
    /// Name of the sweep's folder under --runs [default: the file's]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Folder that holds runs
    #[arg(long, default_value = "runs")]
    pub(crate) runs: PathBuf,
    /// Say how many trials there are and how long they take, and stop
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[arg(long, help = DEVICE_HELP, default_value = "auto")]
    pub(crate) device: DeviceChoice,
    /// Number format of matrix products, as for `minigpt train` [default: the preset's]
    #[arg(long)]
    pub(crate) precision: Option<PrecisionChoice>,
    /// Folder of the token cache [default: minigpt in the user's cache folder]
    #[arg(long, value_name = "FOLDER", env = "MINIGPT_CACHE", value_parser = folder_or_nothing())]
    pub(crate) cache: Option<PathBuf>,
    /// Print sweep.json on standard output in place of the table
    #[arg(long)]
    pub(crate) json: bool,
}
