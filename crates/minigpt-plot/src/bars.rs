//! Figures of several models as bars, with their intervals.

use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::error::PlotError;
use crate::picture::{Area, COLOURS, DrawError, FONT, Picture, save};

const WIDTH: u32 = 1800;
/// Pixels of a bar with the space around it.
const ROW: u32 = 44;
/// Pixels of title, captions and axis names.
const FRAME: u32 = 190;
/// Pixels for names at the left, and for values after the longest bar.
const NAMES: i32 = 250;
const VALUES: i32 = 260;
/// Where an axis may begin at the least, but for a power of ten below it.
const SMALLEST: f64 = 1e-3;

/// A list of bars with its own logarithmic axis.
#[derive(Clone, Debug)]
pub struct BarPanel {
    /// What stands above it.
    pub caption: &'static str,
    /// What stands below it.
    pub remark: &'static str,
    /// The bars, from top to bottom.
    pub bars: Vec<Bar>,
}

/// A figure as the length of a bar.
#[derive(Clone, Debug)]
pub struct Bar {
    /// What it is of; of a long name only the end is drawn.
    pub name: String,
    /// The figure, above 0.
    pub value: f64,
    /// The ends of its interval.
    pub interval: Option<(f64, f64)>,
    /// The figure in words.
    pub label: String,
    /// Whether it is drawn pale.
    pub is_pale: bool,
}

/// Draws panels of bars side by side. The ending of `path`, `.png` or `.svg`, decides the format.
///
/// # Errors
/// [`PlotError`].
pub fn draw_bars(path: &Path, title: &str, panels: &[BarPanel]) -> Result<(), PlotError> {
    let rows = panels.iter().map(|panel| panel.bars.len()).max().unwrap_or(0) as u32;
    save(path, (WIDTH, FRAME + rows * ROW), title, &Figure { title, panels })
}

struct Figure<'a> {
    title: &'a str,
    panels: &'a [BarPanel],
}

impl Picture for Figure<'_> {
    fn paint<DB: DrawingBackend>(&self, root: &Area<DB>) -> Result<(), DrawError<DB>> {
        let area = root.margin(16, 8, 8, 24).titled(self.title, (FONT, 34))?;
        let areas = area.split_evenly((1, self.panels.len()));
        areas.iter().zip(self.panels).try_for_each(|(area, panel)| draw_panel(area, panel))
    }
}

fn draw_panel<DB: DrawingBackend>(area: &Area<DB>, panel: &BarPanel) -> Result<(), DrawError<DB>> {
    let values = panel.bars.iter().flat_map(|bar| {
        let (low, high) = bar.interval.unwrap_or((bar.value, bar.value));
        [low, high, bar.value]
    });
    let finite: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    let low = finite.iter().copied().fold(f64::INFINITY, f64::min);
    let high = finite.iter().copied().fold(1.0, f64::max);
    // From a power of ten below the smallest, so that a bar's length does not exaggerate.
    let start = 10f64.powf((low.min(high).max(SMALLEST).log10() - 0.3).floor());
    let width = area.dim_in_pixel().0 as i32 - NAMES - VALUES;
    let place = |value: f64| {
        let part = (value / start).ln() / (high * 1.02 / start).ln().max(1e-9);
        NAMES + (part.clamp(0.0, 1.0) * f64::from(width)) as i32
    };
    let caption = (FONT, 26).into_font().color(&BLACK);
    area.draw(&Text::new(panel.caption, (NAMES, 16), caption))?;
    let bottom = 64 + (panel.bars.len() as u32 * ROW) as i32;
    let grey = (FONT, 18).into_font().color(&BLACK.mix(0.7));
    for tick in ticks(start, high) {
        let x = place(tick);
        area.draw(&PathElement::new([(x, 56), (x, bottom)], BLACK.mix(0.15)))?;
        let style = grey.pos(Pos::new(HPos::Center, VPos::Top));
        let name = if tick < 1e5 { format!("{tick}") } else { format!("{tick:.0e}") };
        area.draw(&Text::new(name, (x, bottom + 6), style))?;
    }
    let style = grey.pos(Pos::new(HPos::Left, VPos::Top));
    area.draw(&Text::new(panel.remark, (NAMES, bottom + 34), style))?;
    panel
        .bars
        .iter()
        .enumerate()
        .try_for_each(|(index, bar)| draw_bar(area, bar, 64 + (index as u32 * ROW) as i32, &place))
}

/// The powers of ten in a range, with 2 and 5 times them where there is room.
fn ticks(start: f64, end: f64) -> Vec<f64> {
    let is_wide = end / start > 1e3;
    let steps: &[f64] = if is_wide { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let ticks = (SMALLEST.log10() as i32 - 1..300)
        .flat_map(|power| steps.iter().map(move |step| step * 10f64.powi(power)));
    let ticks: Vec<f64> = ticks.filter(|tick| (start..=end).contains(tick)).collect();
    let every = ticks.len().div_ceil(9).max(1);
    ticks.into_iter().step_by(every).collect()
}

fn draw_bar<DB: DrawingBackend>(
    area: &Area<DB>,
    bar: &Bar,
    top: i32,
    place: &impl Fn(f64) -> i32,
) -> Result<(), DrawError<DB>> {
    let (middle, bottom) = (top + ROW as i32 / 2 - 4, top + ROW as i32 - 10);
    let text = (FONT, 20).into_font().color(&BLACK);
    let beside = text.pos(Pos::new(HPos::Right, VPos::Center));
    area.draw(&Text::new(shortened(&bar.name), (NAMES - 10, middle), beside))?;
    let colour = if bar.is_pale { COLOURS[0].mix(0.3) } else { COLOURS[0].mix(1.0) };
    let end = place(bar.value);
    area.draw(&Rectangle::new([(NAMES, top), (end, bottom)], colour.filled()))?;
    let mut last = end;
    if let Some((low, high)) = bar.interval {
        let (low, high) = (place(low), place(high));
        area.draw(&PathElement::new([(low, middle), (high, middle)], BLACK.stroke_width(2)))?;
        for x in [low, high] {
            area.draw(&PathElement::new(
                [(x, middle - 7), (x, middle + 7)],
                BLACK.stroke_width(2),
            ))?;
        }
        last = last.max(high);
    }
    let after = text.pos(Pos::new(HPos::Left, VPos::Center));
    area.draw(&Text::new(bar.label.clone(), (last + 10, middle), after))
}

/// The end of a name that is too long: the end tells runs apart.
fn shortened(name: &str) -> String {
    const MOST: usize = 20;
    let length = name.chars().count();
    if length <= MOST {
        return name.to_owned();
    }
    std::iter::once('…').chain(name.chars().skip(length + 1 - MOST)).collect()
}

#[cfg(test)]
mod tests;
