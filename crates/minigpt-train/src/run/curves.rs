//! Curves of one run, or of several overlaid: which rows a picture shows, and how.

use std::path::Path;

use minigpt_data::Source;
use minigpt_plot::Look;

use super::RunFolder;
use crate::config::RunConfig;
use crate::error::TrainError;
use crate::run::row::Row;

mod figure;
mod points;
mod quantity;
mod seeds;

pub use figure::CurvePlot;
pub use points::Band;
pub use quantity::{Axis, Quantity};
pub use seeds::{CurveGroup, by_seed};

/// One run's rows under the name that the legend shows.
#[derive(Clone, Debug)]
pub struct Curve {
    /// Name in the legend.
    pub name: String,
    /// Rows of the run's `metrics.csv`.
    pub rows: Vec<Row>,
}

/// Draws `quantity` of the runs, one colour each; the ending of `path`, `.png` or `.svg`, decides the
/// format.
///
/// # Errors
/// [`TrainError::NoMetrics`] where there is nothing to draw, or [`TrainError::Plot`].
pub fn draw_curves(
    path: &Path,
    title: &str,
    curves: &[Curve],
    quantity: Quantity,
    axis: Axis,
) -> Result<(), TrainError> {
    let groups: Vec<CurveGroup> = curves.iter().cloned().map(CurveGroup::from).collect();
    let figure = CurvePlot::new(quantity, axis).figure(path, title, &groups)?;
    Ok(figure.draw(path, Look::default())?)
}

/// Draws what there is to draw of the `quantities` into the run's folder.
pub(crate) fn draw_run(
    run: &RunFolder,
    config: &RunConfig,
    rows: &[Row],
    quantities: &[Quantity],
) -> Result<(), TrainError> {
    let name = run.name();
    let title = plot_title(config, &name);
    let curves = [Curve { name, rows: rows.to_vec() }];
    for quantity in quantities {
        let path = run.plot_path(*quantity);
        match draw_curves(&path, &title, &curves, *quantity, Axis::Steps) {
            // A run that ends before its first validation has no perplexity.
            Ok(()) | Err(TrainError::NoMetrics { .. }) => (),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// What the picture of a run is titled: the run, its model and its data.
#[must_use]
pub fn plot_title(config: &RunConfig, name: &str) -> String {
    let model = &config.model;
    let data = match &config.data.source {
        Source::Embedded => "the embedded novels".to_owned(),
        source => source.to_string(),
    };
    let seams: Vec<String> = config.continued.iter().map(|run| run.step.to_string()).collect();
    let goes_on = match seams.is_empty() {
        true => String::new(),
        false => format!(" (continued at step {})", seams.join(", ")),
    };
    format!(
        "{name}{goes_on}: {} layers, {} wide, {} heads, {:.1}M parameters on {}",
        model.n_layer,
        model.n_embd,
        model.n_head,
        model.parameter_counts().total() as f64 / 1e6,
        data,
    )
}

#[cfg(test)]
mod tests;
