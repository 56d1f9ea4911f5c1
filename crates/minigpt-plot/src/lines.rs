//! Curves over a common axis, in panels side by side: a figure of the usual look.

use std::path::Path;

use crate::axis::Axis;
use crate::error::PlotError;
use crate::figure::{Chart, Figure, Form, Line, Note};
use crate::look::Look;
use crate::smooth::{default_window, running_mean};

/// One coordinate system.
#[derive(Clone, Debug)]
pub struct Panel {
    /// What stands above it.
    pub caption: &'static str,
    /// What the horizontal axis counts.
    pub x: &'static str,
    /// What the vertical axis measures.
    pub y: &'static str,
    /// What is drawn, later ones over earlier ones.
    pub series: Vec<Series>,
}

/// Points that belong together.
#[derive(Clone, Debug)]
pub struct Series {
    /// Name in the legend.
    pub label: String,
    /// Number of its colour; series of one run have the same.
    pub colour: usize,
    /// How it is drawn.
    pub style: Style,
    /// Finite points by rising x.
    pub points: Vec<(f64, f64)>,
}

/// How a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A line.
    Line,
    /// A pale line with its running mean over it.
    Smoothed,
    /// Filled marks joined by a line, the last one with its value in a panel of marks alone.
    Marks,
    /// Open marks joined by a line.
    OpenMarks,
}

/// Draws panels under one title; the ending of `path`, `.png` or `.svg`, decides the format. A panel without points
/// says that there is no validation yet.
///
/// # Errors
/// [`PlotError`].
pub fn draw_lines(path: &Path, title: &str, panels: &[Panel]) -> Result<(), PlotError> {
    let charts = panels.iter().map(Panel::chart).collect();
    let figure = Figure { title: title.to_owned(), charts, remark: String::new() };
    figure.draw(path, Look::default())
}

impl Panel {
    fn chart(&self) -> Chart {
        let is_marks = |series: &Series| matches!(series.style, Style::Marks | Style::OpenMarks);
        let marks_alone = self.series.iter().all(is_marks);
        let mut chart = Chart::new(self.caption, Axis::new(self.x), Axis::new(self.y));
        chart.placeholder = "no validation yet";
        for series in &self.series {
            let line = |form, points| Line::new(&series.label, series.colour, form, points);
            let points = series.points.clone();
            match series.style {
                Style::Line => chart.lines.push(line(Form::Line, points)),
                Style::Smoothed => {
                    let smooth = running_mean(&points, default_window(points.len()));
                    chart.lines.push(line(Form::Pale, points).unlisted());
                    chart.lines.push(line(Form::Line, smooth));
                }
                Style::Marks => chart.lines.push(line(Form::Marks, points)),
                Style::OpenMarks => chart.lines.push(line(Form::OpenMarks, points)),
            }
            let is_labelled = marks_alone && series.style == Style::Marks;
            if let Some(at) = series.points.last().filter(|_| is_labelled) {
                let text = format!("{:.4}", at.1);
                let number = series.colour;
                chart.notes.push(Note { at: *at, text, number, on_right: false, ring: false });
            }
        }
        chart
    }
}

#[cfg(test)]
mod tests;
