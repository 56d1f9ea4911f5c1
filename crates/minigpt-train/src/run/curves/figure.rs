//! From rows to a figure.
//!
//! The picture of a run's loss has two charts. The left one says how well it learnt: training and validation loss
//! over one axis, so that the gap between them is seen, with the best validation. The right one says how it got
//! there: the gradient's norm, whose peaks are where training was unstable, and the learning rate, whose course
//! explains the bends at the left. Several runs are compared by one quantity at a time: training losses at the left,
//! validation losses, which have a range of their own, at the right.

use std::path::Path;

use minigpt_plot::{
    Axis as ChartAxis, Chart, Figure, Form, LeftOut, Line, Note, Scale, default_window,
};

use super::Curve;
use super::points::{Band, Best, Points};
use super::quantity::{Axis, Quantity};
use super::seeds::CurveGroup;
use crate::error::TrainError;
use crate::run::row::{Row, RowSplit};

/// What a picture of curves shows, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurvePlot {
    /// What is drawn.
    pub quantity: Quantity,
    /// What the horizontal axis counts.
    pub axis: Axis,
    /// How many steps a smoothed line is the mean of; 0 and 1 smooth nothing. Without it the length of the longest
    /// run decides.
    pub smooth: Option<usize>,
    /// The scale of the horizontal axis.
    pub x_scale: Scale,
    /// The scale of the vertical axis.
    pub y_scale: Scale,
    /// Whether an axis at the right of the first chart has the learning rate.
    pub learning_rate: bool,
    /// What a band around the mean of several runs shows.
    pub band: Band,
}

/// The number of the line of validations beside that of training, and of the learning rate.
const VALIDATION: usize = 1;
const LEARNING_RATE: usize = 3;

/// Most runs whose values before smoothing are drawn: those of more would hide each other.
const PALE_RUNS: usize = 3;

/// What is drawn of a row.
type Value = fn(&Row) -> Option<f64>;

const NATS: &str = "cross-entropy (nats per token)";

const LOSS: Value = |row| Some(row.loss);
const PERPLEXITY: Value = |row| Some(row.loss.exp());
const RATE: Value = |row| row.learning_rate;
const NORM: Value = |row| row.grad_norm;
const SPEED: Value = |row| Some(row.tokens_per_second);

impl CurvePlot {
    /// A picture of that quantity with nothing asked for besides.
    #[must_use]
    pub fn new(quantity: Quantity, axis: Axis) -> Self {
        Self {
            quantity,
            axis,
            smooth: None,
            x_scale: Scale::Linear,
            y_scale: Scale::Linear,
            learning_rate: false,
            band: Band::default(),
        }
    }

    /// The figure of these runs, one colour for each group; `path` is what it is for, for the errors.
    ///
    /// # Errors
    /// [`TrainError::NoMetrics`] where there is nothing to draw, or [`TrainError::Undrawable`] where nothing of it has
    /// a place.
    pub fn figure(
        &self,
        path: &Path,
        title: &str,
        groups: &[CurveGroup],
    ) -> Result<Figure, TrainError> {
        let charts = match (self.quantity, groups) {
            (Quantity::Loss, [group]) if group.curves.len() == 1 => {
                vec![self.loss_of_one(group), self.course_of_one(group)]
            }
            (Quantity::Loss, _) => vec![
                self.steps_chart("Training loss", NATS, groups, LOSS),
                self.validations_chart("Validation loss", NATS, groups, LOSS),
            ],
            (Quantity::Perplexity, _) => vec![self.validations_chart(
                "Validation perplexity",
                "perplexity per token",
                groups,
                PERPLEXITY,
            )],
            (Quantity::LearningRate, _) => vec![self.rate_chart(groups)],
            (Quantity::GradNorm, _) => {
                vec![self.steps_chart("Gradient norm before clipping", "norm", groups, NORM)]
            }
            (Quantity::TokensPerSecond, _) => {
                vec![self.steps_chart("Training speed", "tokens per second", groups, SPEED)]
            }
        };
        let mut figure = Figure { title: title.to_owned(), charts, remark: String::new() };
        if self.learning_rate && self.quantity != Quantity::LearningRate {
            self.add_rate(&mut figure.charts[0], groups);
        }
        let left_out = figure.left_out();
        if figure.is_empty() {
            return Err(self.nothing(path, left_out));
        }
        figure.remark = remark(left_out);
        Ok(figure)
    }

    fn nothing(&self, path: &Path, left_out: LeftOut) -> TrainError {
        let (path, quantity) = (path.to_owned(), self.quantity.name());
        if left_out.not_positive > 0 {
            let reason = format!(
                "no {quantity} has a place on a logarithmic axis, which shows what is above 0: draw it on a linear one"
            );
            TrainError::Undrawable { path, reason }
        } else if left_out.not_finite > 0 {
            let reason = format!(
                "every {quantity} is NaN or infinite: train again with a lower learning rate"
            );
            TrainError::Undrawable { path, reason }
        } else {
            TrainError::NoMetrics { path, quantity }
        }
    }

    fn chart(&self, caption: impl Into<String>, unit: &str) -> Chart {
        let x = ChartAxis::new(self.axis.unit()).scale(self.x_scale);
        let y = ChartAxis::new(unit).scale(self.y_scale);
        Chart::new(caption, x, y)
    }

    /// Training and validation loss of one run, with the best validation.
    fn loss_of_one(&self, group: &CurveGroup) -> Chart {
        let mut chart = self.chart("Loss", NATS);
        let window = self.window(std::slice::from_ref(group));
        self.add_steps(&mut chart, group, "training", LOSS, window);
        let line = self.line_of(group, RowSplit::Valid, LOSS, 1);
        let validation = Line::new("validation", VALIDATION, Form::Marks, line.points.clone());
        chart.lines.push(validation);
        let average = self.line_of(group, RowSplit::Average, LOSS, 1);
        if !average.points.is_empty() {
            let label = "validation of the averaged weights";
            chart.lines.push(Line::new(label, 2, Form::OpenMarks, average.points));
        }
        chart.notes.extend(line.best.map(|best| note(&best, VALIDATION)));
        chart
    }

    /// How one run got there: gradient norm and learning rate.
    fn course_of_one(&self, group: &CurveGroup) -> Chart {
        let caption = if self.learning_rate {
            "Gradient norm before clipping"
        } else {
            "Gradient norm before clipping, and learning rate"
        };
        let mut chart = self.chart(caption, "norm");
        chart.y = chart.y.from_zero();
        let window = self.window(std::slice::from_ref(group));
        self.add_steps(&mut chart, group, "norm", NORM, window);
        if !self.learning_rate {
            self.add_rate(&mut chart, std::slice::from_ref(group));
        }
        chart
    }

    /// Values of training steps, of all groups.
    fn steps_chart(&self, caption: &str, unit: &str, groups: &[CurveGroup], value: Value) -> Chart {
        let window = self.window(groups);
        let is_many = groups.len() > 1;
        let has_band = groups.iter().any(|group| group.curves.len() > 1);
        let caption = match window {
            2.. if is_many => format!("{caption}, {}", mean_of(window)),
            _ => caption.to_owned(),
        };
        let mut chart = self.chart(caption, unit);
        if matches!(self.quantity, Quantity::TokensPerSecond | Quantity::GradNorm) {
            chart.y = chart.y.from_zero();
        }
        for (number, (group, label)) in groups.iter().zip(self.labels(groups)).enumerate() {
            let line = self.line_of(group, RowSplit::Train, value, window);
            let is_pale = !has_band && window > 1 && groups.len() <= PALE_RUNS;
            if is_pale {
                let label = format!("{}, each step", self.label(group));
                chart.lines.push(self.pale(label, number, group, value).unlisted());
            }
            let label = match window {
                2.. if !is_many => format!("{label}, {}", mean_of(window)),
                _ => label,
            };
            let smooth = Line::new(label, number, Form::Line, line.points);
            chart.lines.push(smooth.with_band(line.band));
        }
        chart
    }

    /// Values of validations, of all groups, with the best of each.
    fn validations_chart(
        &self,
        caption: &str,
        unit: &str,
        groups: &[CurveGroup],
        value: Value,
    ) -> Chart {
        let is_alone = groups.len() == 1;
        let has_average =
            |group| !self.line_of(group, RowSplit::Average, value, 1).points.is_empty();
        let caption = match !is_alone && groups.iter().any(has_average) {
            true => format!("{caption}; hollow: averaged weights"),
            false => caption.to_owned(),
        };
        let mut chart = self.chart(&caption, unit);
        chart.placeholder = "no validation yet";
        for (number, (group, label)) in groups.iter().zip(self.labels(groups)).enumerate() {
            let line = self.line_of(group, RowSplit::Valid, value, 1);
            let marks = Line::new(label, number, Form::Marks, line.points);
            chart.lines.push(marks.with_band(line.band));
            let average = self.line_of(group, RowSplit::Average, value, 1);
            if !average.points.is_empty() {
                let label = format!("{}, averaged weights", self.label(group));
                let marks = Line::new(label, number, Form::OpenMarks, average.points);
                let marks = marks.with_band(average.band);
                chart.lines.push(if is_alone { marks } else { marks.unlisted() });
            }
            // Of several runs the legend has the values, which would hide each other here.
            if let Some(best) = line.best {
                let mut note = note(&best, number);
                if !is_alone {
                    note.text.clear();
                } else if group.curves.len() > 1 {
                    note.text = format!("best mean {}, step {}", digits(best.at.1), best.step);
                }
                chart.notes.push(note);
            }
        }
        chart
    }

    fn rate_chart(&self, groups: &[CurveGroup]) -> Chart {
        let mut chart = self.chart("Learning rate", "learning rate");
        chart.y = chart.y.from_zero();
        for (number, group) in groups.iter().enumerate() {
            let line = self.line_of(group, RowSplit::Train, RATE, 1);
            let rate = Line::new(self.label(group), number, Form::Line, line.points);
            chart.lines.push(rate.with_band(line.band));
        }
        chart
    }

    /// A run's values of steps, pale, and their running mean.
    fn add_steps(
        &self,
        chart: &mut Chart,
        group: &CurveGroup,
        name: &str,
        value: Value,
        window: usize,
    ) {
        if window > 1 {
            chart.lines.push(self.pale(format!("{name}, each step"), 0, group, value));
            let smooth = self.line_of(group, RowSplit::Train, value, window).points;
            let label = format!("{name}, {}", mean_of(window));
            chart.lines.push(Line::new(label, 0, Form::Line, smooth));
        } else {
            let raw = self.line_of(group, RowSplit::Train, value, 1).points;
            chart.lines.push(Line::new(name, 0, Form::Line, raw));
        }
    }

    /// Values of steps before smoothing. What is not finite is counted with the smoothed ones.
    fn pale(&self, label: String, number: usize, group: &CurveGroup, value: Value) -> Line {
        let mut points = self.line_of(group, RowSplit::Train, value, 1).points;
        points.retain(|(_, y)| y.is_finite());
        Line::new(label, number, Form::Pale, points)
    }

    /// The learning rate, over an axis of its own at the right.
    fn add_rate(&self, chart: &mut Chart, groups: &[CurveGroup]) {
        chart.right = Some(ChartAxis::new("learning rate").from_zero());
        let is_alone = groups.len() == 1;
        for (number, group) in groups.iter().enumerate() {
            let rate = self.line_of(group, RowSplit::Train, RATE, 1).points;
            let line = if is_alone {
                Line::new("learning rate (right axis)", LEARNING_RATE, Form::Line, rate)
            } else {
                let label = format!("{}, learning rate", self.label(group));
                Line::new(label, number, Form::Pale, rate).unlisted()
            };
            chart.lines.push(line.on_right());
        }
        if !is_alone {
            chart.right = Some(ChartAxis::new("learning rate (thin lines)").from_zero());
        }
    }

    /// Name of a group, and what its band is.
    fn label(&self, group: &CurveGroup) -> String {
        let name = &group.name;
        match group.curves.len() {
            1 => name.clone(),
            seeds => format!("{name} (mean of {seeds} seeds, band: {})", self.band.in_words()),
        }
    }

    /// The labels of all groups; of several with the best validation of each.
    fn labels(&self, groups: &[CurveGroup]) -> Vec<String> {
        let best = |group: &CurveGroup| {
            let value = match self.quantity {
                Quantity::Loss => LOSS,
                Quantity::Perplexity => PERPLEXITY,
                _ => return None,
            };
            self.line_of(group, RowSplit::Valid, value, 1).best
        };
        let label = |group: &CurveGroup| match best(group).filter(|_| groups.len() > 1) {
            Some(best) if group.curves.len() > 1 => {
                format!("{}, best mean {}", self.label(group), digits(best.at.1))
            }
            Some(best) => format!("{}, best {}", self.label(group), digits(best.at.1)),
            None => self.label(group),
        };
        groups.iter().map(label).collect()
    }

    fn window(&self, groups: &[CurveGroup]) -> usize {
        let steps =
            |curve: &Curve| curve.rows.iter().filter(|row| row.split == RowSplit::Train).count();
        let longest = groups.iter().flat_map(|group| &group.curves).map(steps).max().unwrap_or(0);
        // As many before as after each.
        self.smooth
            .map_or(default_window(longest), |window| if window < 2 { 1 } else { window | 1 })
    }

    /// What is drawn of a group's rows.
    fn line_of(&self, group: &CurveGroup, split: RowSplit, value: Value, window: usize) -> Points {
        Points::of(group, split, |row| Some((self.axis.of(row), value(row)?)), window, self.band)
    }
}

/// Points out the best validation.
fn note(best: &Best, number: usize) -> Note {
    let text = format!("best {}, step {}", digits(best.at.1), best.step);
    Note { at: best.at, text, number, on_right: false, ring: true }
}

/// A loss or perplexity with as many digits as are worth reading.
fn digits(value: f64) -> String {
    match value {
        ..10.0 => format!("{value:.4}"),
        ..1000.0 => format!("{value:.2}"),
        _ => format!("{value:.0}"),
    }
}

fn mean_of(window: usize) -> String {
    format!("mean of {window} steps")
}

/// What a reader must know of points that are missing.
fn remark(left_out: LeftOut) -> String {
    let mut remarks = Vec::new();
    match left_out.not_finite {
        0 => (),
        1 => remarks.push("1 NaN or infinite value left out".to_owned()),
        count => remarks.push(format!("{count} NaN or infinite values left out")),
    }
    match left_out.not_positive {
        0 => (),
        1 => remarks.push("1 value at or below 0 has no place on a logarithmic axis".to_owned()),
        count => remarks
            .push(format!("{count} values at or below 0 have no place on a logarithmic axis")),
    }
    remarks.join("; ")
}

#[cfg(test)]
mod tests;
