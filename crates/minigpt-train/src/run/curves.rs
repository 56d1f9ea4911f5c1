//! Curves of one run, or of several overlaid: which rows a picture shows, and how.

use std::path::Path;
use std::str::FromStr;

use minigpt_data::Source;
use minigpt_plot::{Panel, Series, Style, draw_lines};

use super::RunFolder;
use crate::config::RunConfig;
use crate::error::TrainError;
use crate::run::row::{Row, RowSplit};

/// One run's rows under the name that the legend shows.
#[derive(Clone, Debug)]
pub struct Curve {
    /// Name in the legend.
    pub name: String,
    /// Rows of the run's `metrics.csv`.
    pub rows: Vec<Row>,
}

/// What a picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Training loss beside validation loss, in nats per token.
    Loss,
    /// Validation perplexity per token.
    Perplexity,
    /// Learning rate.
    LearningRate,
    /// Norm of all gradients before clipping.
    GradNorm,
    /// Training tokens per second.
    TokensPerSecond,
}

/// What a picture's horizontal axis counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Optimiser steps.
    Steps,
    /// Training tokens seen.
    Tokens,
    /// Passes over the training text.
    Passes,
    /// Minutes of training, validations included.
    Minutes,
}

impl Quantity {
    /// All there are.
    pub const ALL: [Self; 5] =
        [Self::Loss, Self::Perplexity, Self::LearningRate, Self::GradNorm, Self::TokensPerSecond];

    /// The name that [`FromStr`] takes and that a picture's file has.
    pub fn name(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::Perplexity => "perplexity",
            Self::LearningRate => "learning-rate",
            Self::GradNorm => "grad-norm",
            Self::TokensPerSecond => "tokens-per-second",
        }
    }

    /// What is drawn of it, in one panel or two.
    fn views(self) -> Vec<View> {
        const NATS: &str = "cross-entropy (nats per token)";
        const LOSS: Value = |row| Some(row.loss);
        const PERPLEXITY: Value = |row| Some(row.loss.exp());
        let of_training = |caption, unit, style, value| View {
            caption,
            unit,
            lines: vec![Line { label: "", split: RowSplit::Train, style, value }],
        };
        let of_validation = |caption, unit, value| View {
            caption,
            unit,
            lines: vec![
                Line { label: "", split: RowSplit::Valid, style: Style::Marks, value },
                Line {
                    label: " average",
                    split: RowSplit::Average,
                    style: Style::OpenMarks,
                    value,
                },
            ],
        };
        match self {
            Self::Loss => {
                let (smooth, marks) = (Style::Smoothed, Style::Marks);
                let (train, valid) = (" training, smoothed", " validation");
                let both = View {
                    caption: "Training loss",
                    unit: NATS,
                    lines: vec![
                        Line { label: train, split: RowSplit::Train, style: smooth, value: LOSS },
                        Line { label: valid, split: RowSplit::Valid, style: marks, value: LOSS },
                    ],
                };
                vec![both, of_validation("Validation loss", NATS, LOSS)]
            }
            Self::Perplexity => {
                vec![of_validation("Validation perplexity", "perplexity per token", PERPLEXITY)]
            }
            Self::LearningRate => {
                let rate: Value = |row| row.learning_rate;
                vec![of_training("Learning rate", "learning rate", Style::Line, rate)]
            }
            Self::GradNorm => {
                let caption = "Gradient norm before clipping";
                vec![of_training(caption, "norm", Style::Smoothed, |row| row.grad_norm)]
            }
            Self::TokensPerSecond => {
                let speed: Value = |row| Some(row.tokens_per_second);
                vec![of_training("Training speed", "tokens per second", Style::Smoothed, speed)]
            }
        }
    }
}

impl Axis {
    fn of(self, row: &Row) -> f64 {
        match self {
            Self::Steps => row.step as f64,
            Self::Tokens => row.tokens as f64,
            Self::Passes => row.passes,
            Self::Minutes => row.seconds / 60.0,
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Self::Steps => "step",
            Self::Tokens => "training tokens",
            Self::Passes => "passes over the training text",
            Self::Minutes => "minutes",
        }
    }
}

impl FromStr for Quantity {
    type Err = TrainError;

    fn from_str(name: &str) -> Result<Self, TrainError> {
        Self::ALL.into_iter().find(|quantity| quantity.name() == name).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            TrainError::UnknownName { kind: "curve", name: name.to_owned(), known }
        })
    }
}

impl FromStr for Axis {
    type Err = TrainError;

    fn from_str(name: &str) -> Result<Self, TrainError> {
        match name {
            "steps" => Ok(Self::Steps),
            "tokens" => Ok(Self::Tokens),
            "passes" => Ok(Self::Passes),
            "minutes" => Ok(Self::Minutes),
            _ => {
                let known = "steps, tokens, passes, minutes".to_owned();
                Err(TrainError::UnknownName { kind: "axis", name: name.to_owned(), known })
            }
        }
    }
}

type Value = fn(&Row) -> Option<f64>;

/// What one panel shows of each run.
struct View {
    caption: &'static str,
    unit: &'static str,
    lines: Vec<Line>,
}

/// One line of a run: training steps, or validations as marks.
struct Line {
    /// Said after the run's name.
    label: &'static str,
    split: RowSplit,
    style: Style,
    value: Value,
}

impl Line {
    /// Its finite points in a run.
    fn points(&self, curve: &Curve, axis: Axis) -> Vec<(f64, f64)> {
        let rows = curve.rows.iter().filter(|row| row.split == self.split);
        let points = rows.filter_map(|row| Some((axis.of(row), (self.value)(row)?)));
        points.filter(|(_, y)| y.is_finite()).collect()
    }
}

impl View {
    /// The lines of all runs, one colour each.
    fn panel(&self, curves: &[Curve], axis: Axis) -> Panel {
        let mut series = Vec::new();
        for (colour, curve) in curves.iter().enumerate() {
            series.extend(self.lines.iter().map(|line| Series {
                label: format!("{}{}", curve.name, line.label),
                colour,
                style: line.style,
                points: line.points(curve, axis),
            }));
        }
        Panel { caption: self.caption, x: axis.unit(), y: self.unit, series }
    }
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
    let views = quantity.views();
    let panels: Vec<Panel> = views.iter().map(|view| view.panel(curves, axis)).collect();
    if panels.iter().flat_map(|panel| &panel.series).all(|series| series.points.is_empty()) {
        return Err(TrainError::NoMetrics { path: path.to_owned(), quantity: quantity.name() });
    }
    Ok(draw_lines(path, title, &panels)?)
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
