//! Where the loss of an evaluation comes from: by context and by frequency, side by side.

use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::error::PlotError;
use crate::picture::{Area, COLOURS, DrawError, FONT, Picture, SIZE, number, save, y_range};

/// The tokens that were predicted after so many others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PositionLoss {
    /// Tokens read before; at least 1.
    pub seen: usize,
    /// Tokens predicted so.
    pub tokens: usize,
    /// Their mean cross-entropy in nats.
    pub loss: f64,
    /// The standard deviation of their cross-entropies.
    pub deviation: f64,
}

/// The tokens that occur so often in a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrequencyClass {
    /// Least occurrences.
    pub from: usize,
    /// Most occurrences.
    pub to: usize,
    /// Tokens predicted.
    pub tokens: usize,
    /// Their mean cross-entropy in nats.
    pub loss: f64,
}

/// Draws the loss by position in the context and by token frequency, with the mean of all in words; the
/// ending of `path`, `.png` or `.svg`, decides the format.
///
/// # Errors
/// [`PlotError`].
pub fn draw_losses(
    path: &Path,
    title: &str,
    mean: f64,
    by_context: &[PositionLoss],
    by_frequency: &[FrequencyClass],
) -> Result<(), PlotError> {
    let mut by_context = by_context.to_vec();
    by_context.sort_by_key(|at| at.seen);
    save(path, SIZE, title, &Figure { title, mean, by_context: &by_context, by_frequency })
}

struct Figure<'a> {
    title: &'a str,
    mean: f64,
    /// By rising positions.
    by_context: &'a [PositionLoss],
    by_frequency: &'a [FrequencyClass],
}

impl Picture for Figure<'_> {
    fn paint<DB: DrawingBackend>(&self, root: &Area<DB>) -> Result<(), DrawError<DB>> {
        let area = root.margin(16, 8, 8, 24).titled(self.title, (FONT, 34))?;
        let (left, right) = area.split_horizontally(area.dim_in_pixel().0 / 2);
        draw_by_context(&left, self.mean, self.by_context)?;
        draw_by_frequency(&right, self.by_frequency)
    }
}

fn draw_by_context<DB: DrawingBackend>(
    area: &Area<DB>,
    mean: f64,
    positions: &[PositionLoss],
) -> Result<(), DrawError<DB>> {
    let drawn = often(positions, |at| at.tokens);
    let points: Vec<(f64, f64)> = drawn.iter().map(log_point).collect();
    let means = means(drawn);
    let ends = means
        .iter()
        .flat_map(|mean| [mean.loss - mean.error, mean.loss + mean.error].map(|end| (mean.x, end)));
    let y = y_range(points.iter().copied().chain(ends));
    let y_span = y.end - y.start;
    let x = |point: Option<&(f64, f64)>| point.map_or(0.0, |(x, _)| *x);
    // Twice the context is one step to the right: what little context does is then as wide.
    let (first, last) = (x(points.first()), x(points.last()));
    let caption = format!("Loss by position in the context ± 2 standard errors, mean {mean:.3}");
    let mut chart = ChartBuilder::on(area)
        .caption(caption, (FONT, 26))
        .margin(20)
        .x_label_area_size(90)
        .y_label_area_size(90)
        .build_cartesian_2d(first..last + (last - first).max(0.1) * 0.03, y)?;
    chart
        .configure_mesh()
        .x_desc("tokens read before the predicted one (logarithmic)")
        .y_desc("cross-entropy (nats per token)")
        .label_style((FONT, 20))
        .axis_desc_style((FONT, 22))
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12))
        .x_label_formatter(&|x| format!("{:.0}", x.exp2()))
        .y_label_formatter(&|y| number(*y, y_span))
        .draw()?;
    let colour = COLOURS[0];
    let dot = |point| Circle::new(point, 3, colour.mix(0.35).filled());
    chart.draw_series(points.iter().copied().map(dot))?;
    let line = means.iter().map(|mean| (mean.x, mean.loss));
    chart.draw_series(LineSeries::new(line, colour.stroke_width(3)))?;
    let error = |mean: &Mean| {
        let ends = [(mean.x, mean.loss - mean.error), (mean.x, mean.loss + mean.error)];
        PathElement::new(ends, colour.stroke_width(2))
    };
    chart.draw_series(means.iter().map(error))?;
    chart.draw_series(
        means.iter().map(|mean| Circle::new((mean.x, mean.loss), 5, colour.filled())),
    )?;
    Ok(())
}

/// The positions that enough tokens were predicted at to be compared, with `tokens` of each: where windows overlap, the
/// first window alone has the early ones.
pub fn often<T>(positions: &[T], tokens: impl Fn(&T) -> usize) -> &[T] {
    let most = positions.iter().map(&tokens).max().unwrap_or(0);
    let first = positions.iter().position(|at| tokens(at).saturating_mul(10) >= most).unwrap_or(0);
    &positions[first..]
}

fn log_point(at: &PositionLoss) -> (f64, f64) {
    ((at.seen as f64).log2(), at.loss)
}

/// Positions that are alike, taken together.
struct Mean {
    x: f64,
    loss: f64,
    /// Twice the standard error: 95 % where the tokens were independent.
    error: f64,
}

/// Means over positions that are alike: each stretch ends a third further than it begins.
fn means(positions: &[PositionLoss]) -> Vec<Mean> {
    let mut means = Vec::new();
    let mut rest = positions;
    while let Some(first) = rest.first() {
        let is_alike =
            |at: &PositionLoss| at.seen.saturating_mul(3) <= first.seen.saturating_mul(4);
        // The first is always like itself, also where they do not rise.
        let (stretch, later) = rest.split_at(rest.partition_point(is_alike).max(1));
        let sum = |value: fn(&PositionLoss) -> f64| -> f64 {
            stretch.iter().map(|at| at.tokens as f64 * value(at)).sum()
        };
        let tokens = sum(|_| 1.0);
        let x = (log_point(first).0 + log_point(&stretch[stretch.len() - 1]).0) / 2.0;
        let error = 2.0 * sum(|at| at.deviation * at.deviation).sqrt() / tokens;
        means.push(Mean { x, loss: sum(|at| at.loss) / tokens, error });
        rest = later;
    }
    means
}

fn draw_by_frequency<DB: DrawingBackend>(
    area: &Area<DB>,
    classes: &[FrequencyClass],
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
        let places = usize::from(share < 10.0);
        chart.draw_series([below(format!("{share:.places$} %"), 30)])?;
    }
    Ok(())
}

fn occurrences(class: &FrequencyClass) -> String {
    if class.from == class.to {
        "once".to_owned()
    } else {
        format!("{}–{}", class.from, class.to)
    }
}

#[cfg(test)]
mod tests;
