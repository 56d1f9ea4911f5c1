//! What `minigpt report` is told.

use std::path::PathBuf;

use clap::Args;

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  minigpt report runs/austen             report.html, report.md, pictures in runs/austen/report
  minigpt report runs/austen --latex     and tables.tex
  minigpt report runs/austen runs/adamw --out compared

The report names missing figures and the command that makes each. Run `minigpt eval RUN` first for
intervals, and `minigpt attention RUN` for the attention heads.")]
pub(crate) struct ReportArgs {
    /// Run folders; several are compared
    #[arg(required = true, value_name = "RUN")]
    pub(crate) runs: Vec<PathBuf>,
    /// Folder for the report [default: report in the run's folder, or here for several runs]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
    /// Write the tables in LaTeX too, as tables.tex
    #[arg(long)]
    pub(crate) latex: bool,
    /// Print a JSON object with the names of the files
    #[arg(long)]
    pub(crate) json: bool,
}
