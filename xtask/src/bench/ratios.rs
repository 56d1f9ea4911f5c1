//! PyTorch's best over ours, of every shape: a picture.

use std::path::Path;

use anyhow::Result;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::plot::{self, Area, COLOURS, FONT};

/// Of one shape: above 1 where ours is faster, or needs less memory.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ratios {
    pub(super) f32: Option<f64>,
    /// The fastest of each program in whatever precision.
    pub(super) any: Option<f64>,
    pub(super) memory: Option<f64>,
}

/// A quantity: what its bars are called, their colour and their ends.
struct Bars {
    name: &'static str,
    colour: RGBColor,
    of: fn(&Ratios) -> Option<f64>,
}

/// Each with what its axis says.
const PANELS: [(&str, &[Bars]); 2] = [
    (
        "PyTorch's best time over ours; right of 1, ours is faster",
        &[
            Bars { name: "speed, f32", colour: COLOURS[0], of: |ratios| ratios.f32 },
            Bars { name: "speed, any precision", colour: COLOURS[1], of: |ratios| ratios.any },
        ],
    ),
    (
        "PyTorch's least memory over ours; right of 1, ours needs less",
        &[Bars { name: "memory", colour: COLOURS[2], of: |ratios| ratios.memory }],
    ),
];

/// Pixels.
const WIDTH: u32 = 1800;
const NAMES: u32 = 500;
const ROW: u32 = 50;
const ABOVE: u32 = 50;
const BELOW: u32 = 80;

/// How much lower letters stand than a text whose middle plotters was given.
const LOWER: i32 = 4;

/// What an axis may name: it is logarithmic, so that a half is as far from 1 as 2 is.
const TICKS: [f64; 15] =
    [0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 32.0];

/// Shapes from top to bottom.
pub(super) fn draw(shapes: &[(String, Ratios)], path: &Path) -> Result<()> {
    let height = ABOVE + ROW * shapes.len() as u32 + BELOW;
    plot::picture(path, (WIDTH, height), |root| {
        let (_, panels) = root.split_horizontally(NAMES);
        let areas = panels.split_evenly((1, PANELS.len()));
        for (area, (axis, bars)) in areas.iter().zip(PANELS) {
            panel(area, axis, bars, shapes)?;
        }
        for (row, (name, _)) in shapes.iter().enumerate() {
            let y = (ABOVE + ROW * row as u32 + ROW / 2) as i32 + LOWER;
            root.draw(&Text::new(name.clone(), (NAMES as i32, y), style(&BLACK, HPos::Right)))?;
        }
        Ok(())
    })
}

fn style(colour: &RGBColor, side: HPos) -> TextStyle<'static> {
    (FONT, 18).into_font().color(colour).pos(Pos::new(side, VPos::Center))
}

/// A panel's plane: logarithms of ratios, and rows from below.
type Plane<'a, 'b> =
    ChartContext<'a, BitMapBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

fn panel(
    area: &Area<'_>,
    axis: &'static str,
    bars: &[Bars],
    shapes: &[(String, Ratios)],
) -> Result<()> {
    let rows = shapes.len() as f64;
    let all =
        || shapes.iter().flat_map(|(_, ratios)| bars.iter().filter_map(|bars| (bars.of)(ratios)));
    let (least, most) = (all().fold(1.0, f64::min).log2(), all().fold(1.5, f64::max).log2());
    // Values stand beside the ends of bars, on both sides of 1 if there are any.
    let room = 0.12 * (most - least);
    let left = if least < 0.0 { room } else { room / 8.0 };
    let mut plane = ChartBuilder::on(area)
        .margin_top(ABOVE)
        .margin_left(16)
        .margin_right(24)
        .margin_bottom(BELOW)
        .build_cartesian_2d(least - left..most + room, 0.0..rows)?;
    draw_axis(&mut plane, axis)?;
    let thick = 0.7 / bars.len() as f64;
    for (index, bars) in bars.iter().enumerate() {
        for (row, (_, ratios)) in shapes.iter().enumerate() {
            let top = rows - row as f64 - 0.15 - thick * index as f64;
            if let Some(ratio) = (bars.of)(ratios) {
                draw_bar(&mut plane, ratio, [top, top - thick], bars.colour)?;
            }
        }
        let x = 16 + 260 * index as i32;
        area.draw(&Rectangle::new([(x, 18), (x + 18, 36)], bars.colour.filled()))?;
        area.draw(&Text::new(bars.name, (x + 26, 27 + LOWER), style(&BLACK, HPos::Left)))?;
    }
    plane.draw_series([PathElement::new([(0.0, 0.0), (0.0, rows)], BLACK.stroke_width(2))])?;
    Ok(())
}

/// By hand: plotters' mesh would name round logarithms.
fn draw_axis(plane: &mut Plane<'_, '_>, name: &'static str) -> Result<()> {
    let (within, rows) = (plane.x_range(), plane.y_range().end);
    for tick in TICKS.into_iter().filter(|tick| within.contains(&tick.log2())) {
        let x = tick.log2();
        plane.draw_series([PathElement::new([(x, 0.0), (x, rows)], BLACK.mix(0.12))])?;
        let number = Text::new(tick.to_string(), (0, 16), style(&BLACK, HPos::Center));
        plane.draw_series([EmptyElement::at((x, 0.0)) + number])?;
    }
    let centre = (within.start + within.end) / 2.0;
    let name = Text::new(name, (0, 50), style(&BLACK, HPos::Center));
    plane.draw_series([EmptyElement::at((centre, 0.0)) + name])?;
    Ok(())
}

/// From 1 to a ratio, with its number.
fn draw_bar(
    plane: &mut Plane<'_, '_>,
    ratio: f64,
    [top, bottom]: [f64; 2],
    colour: RGBColor,
) -> Result<()> {
    let end = ratio.log2();
    plane.draw_series([Rectangle::new([(0.0, top), (end, bottom)], colour.filled())])?;
    let (side, away) = if end < 0.0 { (HPos::Right, -6) } else { (HPos::Left, 6) };
    let number = Text::new(format!("{ratio:.2}"), (away, LOWER), style(&BLACK, side));
    plane.draw_series([EmptyElement::at((end, (top + bottom) / 2.0)) + number])?;
    Ok(())
}

#[cfg(test)]
mod tests;
