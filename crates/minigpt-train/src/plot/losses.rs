//! Where the loss of an evaluation comes from: by context and by frequency, side by side.

use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::chart::{Area, COLOURS, DrawError, FONT, number, smoothed, use_embedded_font, y_range};
use super::{SIZE, save};
use crate::error::TrainError;
use crate::evaluate::{EvalReport, FrequencyLoss};

/// Draws the loss by position in the context and by token frequency; the ending of `path`, `.png` or
/// `.svg`, decides the format.
///
/// # Errors
/// [`TrainError::PictureFormat`], [`TrainError::Plot`] or [`TrainError::Io`].
pub fn draw_losses(path: &Path, title: &str, report: &EvalReport) -> Result<(), TrainError> {
    save(path, SIZE, &Figure { title, report })
}

struct Figure<'a> {
    title: &'a str,
    report: &'a EvalReport,
}

impl super::Picture for Figure<'_> {
    fn paint<DB: DrawingBackend>(&self, root: &Area<DB>) -> Result<(), DrawError<DB>> {
        use_embedded_font();
        root.fill(&WHITE)?;
        let area = root.margin(16, 8, 8, 24).titled(self.title, (FONT, 34))?;
        let (left, right) = area.split_horizontally(area.dim_in_pixel().0 / 2);
        draw_by_context(&left, self.report)?;
        draw_by_frequency(&right, &self.report.by_frequency)
    }
}

fn draw_by_context<DB: DrawingBackend>(
    area: &Area<DB>,
    report: &EvalReport,
) -> Result<(), DrawError<DB>> {
    let points: Vec<(f64, f64)> =
        report.by_context.iter().map(|at| (at.seen as f64, at.loss)).collect();
    let y = y_range(points.iter().copied());
    let y_span = y.end - y.start;
    let most = points.last().map_or(1.0, |(seen, _)| *seen);
    // Twice the context is one step to the right: what little context does is then as wide.
    let x = (1.0..most.max(2.0) * 1.05).log_scale().base(2.0);
    let mut chart = ChartBuilder::on(area)
        .caption("Loss by position in the context", (FONT, 26))
        .margin(20)
        .x_label_area_size(90)
        .y_label_area_size(90)
        .build_cartesian_2d(x, y)?;
    chart
        .configure_mesh()
        .x_desc("tokens read before the predicted one (logarithmic)")
        .y_desc("cross-entropy (nats per token)")
        .label_style((FONT, 20))
        .axis_desc_style((FONT, 22))
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12))
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| number(*y, y_span))
        .draw()?;
    let colour = COLOURS[0];
    chart.draw_series(LineSeries::new(points.clone(), colour.mix(0.25)))?;
    chart.draw_series(LineSeries::new(smoothed(&points), colour.stroke_width(3)))?;
    let mean = report.evaluation.loss();
    let line = [(1.0, mean), (most, mean)];
    chart.draw_series([PathElement::new(line, BLACK.mix(0.5))])?;
    let style = (FONT, 20).into_font().color(&BLACK).pos(Pos::new(HPos::Right, VPos::Bottom));
    chart.draw_series([Text::new(format!("mean of all {mean:.3}"), (most, mean), style)])?;
    Ok(())
}

fn draw_by_frequency<DB: DrawingBackend>(
    area: &Area<DB>,
    classes: &[FrequencyLoss],
) -> Result<(), DrawError<DB>> {
    let highest = classes.iter().map(|class| class.loss).fold(0.0, f64::max);
    let tokens: usize = classes.iter().map(|class| class.tokens).sum();
    let mut chart = ChartBuilder::on(area)
        .caption("Loss by frequency of the token", (FONT, 26))
        .margin(20)
        .x_label_area_size(90)
        .y_label_area_size(90)
        .build_cartesian_2d(0.0..classes.len() as f64, 0.0..(highest * 1.15).max(1e-9))?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_desc("occurrences in the text, and the share of all tokens")
        .x_label_formatter(&|_| String::new())
        .y_desc("cross-entropy (nats per token)")
        .label_style((FONT, 20))
        .axis_desc_style((FONT, 22))
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12))
        .y_label_formatter(&|y| number(*y, highest))
        .draw()?;
    for (index, class) in classes.iter().enumerate() {
        let (left, right) = (index as f64 + 0.12, index as f64 + 0.88);
        let bar = Rectangle::new([(left, 0.0), (right, class.loss)], COLOURS[0].mix(0.75).filled());
        chart.draw_series([bar])?;
        let style =
            |anchor| (FONT, 18).into_font().color(&BLACK).pos(Pos::new(HPos::Center, anchor));
        let share = 100.0 * class.tokens as f64 / tokens as f64;
        let middle = index as f64 + 0.5;
        let above = format!("{:.2}", class.loss);
        let below = |text: String, offset| {
            EmptyElement::at((middle, 0.0)) + Text::new(text, (0, offset), style(VPos::Top))
        };
        chart
            .draw_series([EmptyElement::at((middle, class.loss))
                + Text::new(above, (0, -6), style(VPos::Bottom))])?;
        chart.draw_series([below(occurrences(class), 8)])?;
        chart.draw_series([below(format!("{share:.0} %"), 30)])?;
    }
    Ok(())
}

fn occurrences(class: &FrequencyLoss) -> String {
    if class.from == class.to {
        "once".to_owned()
    } else {
        format!("{}–{}", class.from, class.to)
    }
}
