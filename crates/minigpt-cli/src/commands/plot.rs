//! `minigpt plot`.

use std::collections::HashSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use minigpt_train::{Curve, RunFolder, draw_curves, plot_title, read_metrics};

use crate::args::PlotArgs;
use crate::terminal::output::print;

pub(crate) fn run(args: &PlotArgs) -> Result<ExitCode> {
    let runs = args.runs.iter().map(|path| RunFolder::open(path)).collect::<Result<Vec<_>, _>>()?;
    let names: HashSet<String> = runs.iter().map(RunFolder::name).collect();
    let mut curves = Vec::new();
    for run in &runs {
        // Runs of one name in different folders are told apart by their paths.
        let name =
            if names.len() == runs.len() { run.name() } else { run.path().display().to_string() };
        curves.push(Curve { name, rows: read_metrics(&run.metrics_path())? });
    }
    let (title, default_path) = match &runs[..] {
        [run] => (plot_title(&run.config()?, &run.name()), run.plot_path(args.curve)),
        _ => (format!("{} runs", runs.len()), PathBuf::from("compared.png")),
    };
    let path = args.out.clone().unwrap_or(default_path);
    draw_curves(&path, &title, &curves, args.curve, args.x)?;
    print(|out| writeln!(out, "{}", path.display()))?;
    Ok(ExitCode::SUCCESS)
}
