//! Curves over a common axis, in panels side by side.

use std::ops::Range;
use std::path::Path;

use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use crate::error::PlotError;
use crate::picture::{Area, COLOURS, DrawError, FONT, Picture, SIZE, number, save, y_range};

type Points = Vec<(f64, f64)>;

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
    /// Filled marks; joined by a line, the last one with its value, in a panel of marks alone.
    Marks,
    /// Open marks; joined by a line in a panel of marks alone.
    OpenMarks,
}

impl Style {
    fn is_marks(self) -> bool {
        matches!(self, Self::Marks | Self::OpenMarks)
    }
}

impl Panel {
    /// True where marks are drawn over no line, and so have a line of their own.
    fn has_marks_alone(&self) -> bool {
        self.series.iter().all(|series| series.style.is_marks())
    }
}

/// Draws panels side by side under one title; the ending of `path`, `.png` or `.svg`, decides the format.
/// A panel without points says that there is no validation yet.
///
/// # Errors
/// [`PlotError`].
pub fn draw_lines(path: &Path, title: &str, panels: &[Panel]) -> Result<(), PlotError> {
    save(path, SIZE, &Figure { title, panels })
}

struct Figure<'a> {
    title: &'a str,
    panels: &'a [Panel],
}

impl Picture for Figure<'_> {
    fn paint<DB: DrawingBackend>(&self, root: &Area<DB>) -> Result<(), DrawError<DB>> {
        let area = root.margin(16, 8, 8, 24).titled(self.title, (FONT, 34))?;
        let areas = area.split_evenly((1, self.panels.len()));
        areas.iter().zip(self.panels).try_for_each(|(area, panel)| draw_panel(area, panel))
    }
}

fn draw_panel<DB: DrawingBackend>(area: &Area<DB>, panel: &Panel) -> Result<(), DrawError<DB>> {
    let all = || panel.series.iter().flat_map(|series| &series.points).copied();
    if all().next().is_none() {
        let style = (FONT, 22).into_font().color(&BLACK.mix(0.6));
        return area.draw(&Text::new("no validation yet", (320, 340), style));
    }
    let (x, y) = (x_range(all()), y_range(all()));
    let (x_span, y_span) = (x.end - x.start, y.end - y.start);
    let mut chart = ChartBuilder::on(area)
        .caption(panel.caption, (FONT, 26))
        .margin(20)
        .x_label_area_size(60)
        .y_label_area_size(90)
        .build_cartesian_2d(x, y)?;
    chart
        .configure_mesh()
        .x_desc(panel.x)
        .y_desc(panel.y)
        .label_style((FONT, 20))
        .axis_desc_style((FONT, 22))
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12))
        .x_label_formatter(&|x| number(*x, x_span))
        .y_label_formatter(&|y| number(*y, y_span))
        .draw()?;
    for series in panel.series.iter().filter(|series| !series.points.is_empty()) {
        if series.style.is_marks() {
            draw_marks(&mut chart, series, panel.has_marks_alone())?;
        } else {
            draw_line(&mut chart, series)?;
        }
        let is_labelled = panel.has_marks_alone() && series.style == Style::Marks;
        if let Some(last) = series.points.last().filter(|_| is_labelled) {
            label(&mut chart, *last, y_span)?;
        }
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .label_font((FONT, 20))
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.3))
        .legend_area_size(40)
        .margin(12)
        .draw()
}

type Chart<'a, DB> = ChartContext<'a, DB, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

fn colour(series: &Series) -> RGBColor {
    COLOURS[series.colour % COLOURS.len()]
}

fn draw_line<'a, DB: DrawingBackend + 'a>(
    chart: &mut Chart<'a, DB>,
    series: &Series,
) -> Result<(), DrawError<DB>> {
    let (colour, mut points) = (colour(series), series.points.clone());
    if series.style == Style::Smoothed {
        points = smoothed(&series.points);
        chart.draw_series(LineSeries::new(series.points.clone(), colour.mix(0.25)))?;
    }
    let legend = move |(x, y)| PathElement::new([(x, y), (x + 28, y)], colour.stroke_width(3));
    let line = LineSeries::new(points, colour.stroke_width(3));
    chart.draw_series(line)?.label(series.label.clone()).legend(legend);
    Ok(())
}

fn draw_marks<'a, DB: DrawingBackend + 'a>(
    chart: &mut Chart<'a, DB>,
    series: &Series,
    with_line: bool,
) -> Result<(), DrawError<DB>> {
    let (colour, is_open) = (colour(series), series.style == Style::OpenMarks);
    if with_line {
        chart.draw_series(LineSeries::new(series.points.clone(), colour.stroke_width(3)))?;
    }
    let marks = series.points.iter().map(|at| mark(*at, colour, is_open));
    let legend = move |(x, y)| mark((x + 14, y), colour, is_open);
    chart.draw_series(marks)?.label(series.label.clone()).legend(legend);
    Ok(())
}

fn mark<C>(at: C, colour: RGBColor, is_open: bool) -> Circle<C, i32> {
    let style = if is_open { colour.stroke_width(2) } else { colour.filled() };
    Circle::new(at, 6, style)
}

/// Writes the value of a point above it.
fn label<DB: DrawingBackend>(
    chart: &mut Chart<'_, DB>,
    point: (f64, f64),
    span: f64,
) -> Result<(), DrawError<DB>> {
    let style = (FONT, 20).into_font().color(&BLACK);
    let label = Text::new(number(point.1, span / 100.0), (-36, -32), style);
    chart.draw_series([EmptyElement::at(point) + label])?;
    Ok(())
}

/// A running mean that forgets at the same rate over the whole width, whatever the run's length;
/// its start is not drawn towards zero ([Kingma and Ba, 2015](https://arxiv.org/abs/1412.6980),
/// section 3, on bias correction).
fn smoothed(points: &[(f64, f64)]) -> Points {
    let keep = 1.0 - 1.0 / (points.len() as f64 / 50.0).max(1.0);
    let (mut mean, mut weight) = (0.0, 0.0);
    let smooth = |&(x, y): &(f64, f64)| {
        mean = keep * mean + (1.0 - keep) * y;
        weight = keep * weight + (1.0 - keep);
        (x, mean / weight)
    };
    points.iter().map(smooth).collect()
}

fn x_range(points: impl Iterator<Item = (f64, f64)>) -> Range<f64> {
    0.0..points.map(|(x, _)| x).fold(0.0, f64::max) * 1.04 + 1e-9
}

#[cfg(test)]
mod tests;
