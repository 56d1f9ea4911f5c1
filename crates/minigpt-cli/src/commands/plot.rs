//! `minigpt plot`.

use std::collections::HashSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use minigpt_plot::{Look, Scale};
use minigpt_train::{
    Curve, CurveGroup, CurvePlot, Quantity, RunFolder, by_seed, plot_title, read_metrics,
};

use crate::args::PlotArgs;
use crate::outputs;
use crate::terminal::output::{print, say};

pub(crate) fn run(args: &PlotArgs) -> Result<ExitCode> {
    ensure!(
        !(args.learning_rate && args.curve == Quantity::LearningRate),
        "--learning-rate: --curve learning-rate draws it already: leave one of them out"
    );
    let runs = args.runs.iter().map(|path| RunFolder::open(path)).collect::<Result<Vec<_>, _>>()?;
    let groups = groups(args, &runs)?;
    let default_path = match &runs[..] {
        [run] => run.plot_path(args.curve),
        _ => PathBuf::from("compared.png"),
    };
    let path = match &args.out {
        Some(named) => outputs::picture("--out", named)?,
        None => default_path,
    };
    if let Some(table) = &args.data_csv {
        outputs::check_table("--data-csv", table)?;
        outputs::check_apart(("--out", &path), ("--data-csv", table))?;
    }
    let title = title(&runs)?;
    let scale = |is_log| if is_log { Scale::Log } else { Scale::Linear };
    let plot = CurvePlot {
        smooth: args.smooth,
        x_scale: scale(args.log_x),
        y_scale: scale(args.log_y),
        learning_rate: args.learning_rate,
        band: args.band.unwrap_or_default(),
        ..CurvePlot::new(args.curve, args.x)
    };
    let figure = plot.figure(&path, &title, &groups)?;
    figure.draw(&path, Look { size: args.size, theme: args.theme })?;
    if !figure.remark.is_empty() {
        say(format_args!("{}", figure.remark));
    }
    if let Some(table) = &args.data_csv {
        minigpt_files::write_named(table, figure.to_csv())?;
        say(format_args!("data: {}", table.display()));
    }
    print(|out| writeln!(out, "{}", path.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// The run, its model and its data; of several runs the model and data that they have in common.
fn title(runs: &[RunFolder]) -> Result<String> {
    let name = match runs {
        [run] => run.name(),
        _ => format!("{} runs", runs.len()),
    };
    let titles = runs.iter().map(|run| Ok(plot_title(&run.config()?, &name)));
    let mut titles = titles.collect::<Result<Vec<_>>>()?;
    titles.dedup();
    Ok(if titles.len() == 1 { titles.remove(0) } else { name })
}

/// The runs under the names of the legend, those of one `--band` together.
fn groups(args: &PlotArgs, runs: &[RunFolder]) -> Result<Vec<CurveGroup>> {
    let names: HashSet<String> = runs.iter().map(RunFolder::name).collect();
    let mut curves = Vec::new();
    for run in runs {
        // Runs of one name in different folders are told apart by their paths.
        let name =
            if names.len() == runs.len() { run.name() } else { run.path().display().to_string() };
        curves.push(Curve { name, rows: read_metrics(&run.metrics_path())? });
    }
    if args.band.is_none() {
        return Ok(curves.into_iter().map(CurveGroup::from).collect());
    }
    let configs = runs.iter().map(RunFolder::config).collect::<Result<Vec<_>, _>>()?;
    Ok(by_seed(curves.into_iter().zip(configs).collect())?)
}
