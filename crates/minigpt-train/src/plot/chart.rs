//! The drawing itself, on whatever plotters can draw on.

use std::sync::Once;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

use super::{Axis, Curve, Panel, Series};
use crate::metrics::Split;

pub(super) const FONT: &str = "sans-serif";
/// Okabe and Ito's colours, told apart by colour-blind readers too.
pub(super) const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];

pub(super) type Area<DB> = DrawingArea<DB, Shift>;
pub(super) type DrawError<DB> = DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>;
type Points = Vec<(f64, f64)>;

/// Panels side by side under one title.
pub(super) struct Figure<'a> {
    pub(super) title: &'a str,
    pub(super) panels: &'a [Panel],
    pub(super) curves: &'a [Curve],
    pub(super) axis: Axis,
}

impl super::Picture for Figure<'_> {
    fn paint<DB: DrawingBackend>(&self, root: &Area<DB>) -> Result<(), DrawError<DB>> {
        use_embedded_font();
        root.fill(&WHITE)?;
        let area = root.margin(16, 8, 8, 24).titled(self.title, (FONT, 34))?;
        let areas = area.split_evenly((1, self.panels.len()));
        let mut panels = areas.iter().zip(self.panels);
        panels.try_for_each(|(area, panel)| draw_panel(area, panel, self.curves, self.axis))
    }
}

/// plotters is built without the system's fonts, so that nothing need be installed.
pub(super) fn use_embedded_font() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let font = include_bytes!("../../assets/DejaVuSans-subset.ttf");
        for style in [FontStyle::Normal, FontStyle::Bold] {
            // The bytes are fixed at build time and every test that draws reads them.
            let _ = register_font(FONT, style, font);
        }
    });
}

fn draw_panel<DB: DrawingBackend>(
    area: &Area<DB>,
    panel: &Panel,
    curves: &[Curve],
    axis: Axis,
) -> Result<(), DrawError<DB>> {
    let points_of = |curve| panel.series.iter().map(move |series| series.points(curve, axis));
    let points: Vec<Vec<Points>> = curves.iter().map(|curve| points_of(curve).collect()).collect();
    let all = || points.iter().flatten().flatten().copied();
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
        .x_desc(axis.unit())
        .y_desc(panel.unit)
        .label_style((FONT, 20))
        .axis_desc_style((FONT, 22))
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12))
        .x_label_formatter(&|x| number(*x, x_span))
        .y_label_formatter(&|y| number(*y, y_span))
        .draw()?;

    for (index, (curve, points)) in curves.iter().zip(&points).enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        for (series, points) in panel.series.iter().zip(points) {
            if points.is_empty() {
                continue;
            }
            let label = format!("{}{}", curve.name, series.label);
            let line =
                move |(x, y)| PathElement::new([(x, y), (x + 28, y)], colour.stroke_width(3));
            if series.split == Split::Train {
                let strong = if series.smooth {
                    chart.draw_series(LineSeries::new(points.clone(), colour.mix(0.25)))?;
                    smoothed(points)
                } else {
                    points.clone()
                };
                let strong = LineSeries::new(strong, colour.stroke_width(3));
                chart.draw_series(strong)?.label(label).legend(line);
                continue;
            }
            let is_average = series.split == Split::Average;
            let mark = move |at| marker(at, colour, is_average);
            if is_alone(panel) {
                chart.draw_series(LineSeries::new(points.clone(), colour.stroke_width(3)))?;
            }
            let legend = move |(x, y)| marker((x + 14, y), colour, is_average);
            chart.draw_series(points.iter().copied().map(mark))?.label(label).legend(legend);
            if is_alone(panel) && !is_average {
                label_last(&mut chart, points, y_span)?;
            }
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

/// True where validations are not drawn over training's line, and so have a line of their own.
fn is_alone(panel: &Panel) -> bool {
    panel.series.iter().all(|series: &Series| series.split != Split::Train)
}

type Chart<'a, DB> = ChartContext<
    'a,
    DB,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;

/// Writes the value of the last point above it.
fn label_last<DB: DrawingBackend>(
    chart: &mut Chart<'_, DB>,
    points: &[(f64, f64)],
    span: f64,
) -> Result<(), DrawError<DB>> {
    if let Some(last) = points.last() {
        let style = (FONT, 20).into_font().color(&BLACK);
        let label = Text::new(number(last.1, span / 100.0), (-36, -32), style);
        chart.draw_series([EmptyElement::at(*last) + label])?;
    }
    Ok(())
}

/// A filled point for the weights, an open one for their average.
fn marker<C>(at: C, colour: RGBColor, is_average: bool) -> Circle<C, i32> {
    let style = if is_average { colour.stroke_width(2) } else { colour.filled() };
    Circle::new(at, 6, style)
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

fn x_range(points: impl Iterator<Item = (f64, f64)>) -> std::ops::Range<f64> {
    0.0..points.map(|(x, _)| x).fold(0.0, f64::max) * 1.04 + 1e-9
}

pub(super) fn y_range(points: impl Iterator<Item = (f64, f64)> + Clone) -> std::ops::Range<f64> {
    let low = points.clone().map(|(_, y)| y).fold(f64::INFINITY, f64::min);
    let high = points.map(|(_, y)| y).fold(f64::NEG_INFINITY, f64::max);
    // A flat line too needs some height around it; nothing drawn here is below zero.
    let margin = ((high - low) * 0.08).max(high.abs() * 0.01).max(1e-9);
    (low - margin).max(0.0)..high + margin
}

/// A number with the decimals that an axis as long as `span` needs.
pub(super) fn number(value: f64, span: f64) -> String {
    let size = value.abs();
    if size < span * 1e-9 {
        "0".to_owned()
    } else if size >= 1e6 {
        format!("{:.1}M", value / 1e6)
    } else if size >= 1e4 {
        format!("{:.0}k", value / 1e3)
    } else if size < 0.02 && span < 0.02 {
        format!("{value:.1e}")
    } else {
        let decimals = (1.0 - span.log10()).ceil().clamp(0.0, 4.0) as usize;
        format!("{value:.decimals$}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoothing_keeps_a_constant_and_starts_at_the_first_point() {
        let flat: Vec<_> = (0..500).map(|x| (f64::from(x), 2.5)).collect();
        assert!(smoothed(&flat).iter().all(|(_, y)| (y - 2.5).abs() < 1e-9));
        let noisy: Vec<_> = (0..500).map(|x| (f64::from(x), f64::from(x % 2))).collect();
        let smooth = smoothed(&noisy);
        assert_eq!(smooth[0], noisy[0]);
        assert!(smooth[100..].iter().all(|(_, y)| (y - 0.5).abs() < 0.1));
    }

    #[test]
    fn a_number_has_the_decimals_that_its_axis_needs() {
        assert_eq!(number(3.1234, 4.0), "3.1");
        assert_eq!(number(3.1234, 0.4), "3.12");
        assert_eq!(number(250.0, 300.0), "250");
        assert_eq!(number(0.0, 3e-3), "0");
        assert_eq!(number(3e-4, 3e-3), "3.0e-4");
        assert_eq!(number(2_448_384.0, 3e6), "2.4M");
        assert_eq!(number(51_200.0, 60_000.0), "51k");
    }
}
