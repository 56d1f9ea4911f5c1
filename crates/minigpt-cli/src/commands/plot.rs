//! `minigpt plot`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use minigpt_train::{Curve, RunFolder, draw_loss_curves, plot_title, read_metrics};

use crate::args::PlotArgs;

pub(crate) fn run(args: &PlotArgs) -> Result<ExitCode> {
    let runs = args.runs.iter().map(|path| RunFolder::open(path)).collect::<Result<Vec<_>, _>>()?;
    let mut curves = Vec::new();
    for run in &runs {
        curves.push(Curve { name: run.name(), rows: read_metrics(&run.metrics_path())? });
    }
    let (title, default_path) = match &runs[..] {
        [run] => (plot_title(&run.config()?, &run.name()), run.plot_path()),
        _ => (format!("{} runs", runs.len()), PathBuf::from("compared.png")),
    };
    let path = args.out.clone().unwrap_or(default_path);
    draw_loss_curves(&path, &title, &curves)?;
    println!("{}", path.display());
    Ok(ExitCode::SUCCESS)
}
