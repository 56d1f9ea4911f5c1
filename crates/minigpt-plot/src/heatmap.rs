//! Weights between tokens as pictures, all on one scale from 0 to 1.

use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::error::PlotError;
use crate::picture::{Area, DrawError, FONT, Picture, save};

/// Pixels of a map's side in a figure of many, and of one alone.
const SMALL: u32 = 220;
const LARGE: u32 = 900;
/// Pixels beside and below a map for its labels.
const LABELS: u32 = 84;
const HEADING: u32 = 34;
const TITLE: u32 = 64;
/// Pixels for the colour scale at the right.
const SCALE: u32 = 110;

/// The attention weights of one head, to be drawn as squares.
#[derive(Clone, Copy, Debug)]
pub struct Heatmap<'a> {
    /// Number of the block.
    pub layer: usize,
    /// Number of the head in its block.
    pub head: usize,
    /// Weights from 0 to 1, `[time, time]`: a row per token that attends.
    pub weights: &'a [Vec<f32>],
}

/// Draws maps of the same tokens, in rows of `columns`; `labels` name the tokens. The ending of
/// `path`, `.png` or `.svg`, decides the format.
///
/// # Errors
/// [`PlotError`].
///
/// # Panics
/// Where there is no map, or `columns` is 0.
pub fn draw_heatmaps(
    path: &Path,
    title: &str,
    labels: &[String],
    maps: &[Heatmap<'_>],
    columns: usize,
) -> Result<(), PlotError> {
    let side = if maps.len() == 1 { LARGE } else { SMALL };
    let rows = maps.len().div_ceil(columns) as u32;
    let width = columns as u32 * (side + LABELS) + SCALE;
    let height = TITLE + rows * (side + LABELS + HEADING);
    save(path, (width, height), title, &Figure { title, labels, maps, columns, side })
}

struct Figure<'a> {
    title: &'a str,
    labels: &'a [String],
    maps: &'a [Heatmap<'a>],
    columns: usize,
    side: u32,
}

impl Picture for Figure<'_> {
    fn paint<DB: DrawingBackend>(&self, root: &Area<DB>) -> Result<(), DrawError<DB>> {
        let title = (FONT, 28).into_font().color(&BLACK);
        root.draw(&Text::new(self.title.to_owned(), (20, 16), title))?;
        for (number, map) in self.maps.iter().enumerate() {
            let (row, column) = (number / self.columns, number % self.columns);
            let left = column as u32 * (self.side + LABELS) + LABELS;
            let top = TITLE + row as u32 * (self.side + LABELS + HEADING) + HEADING;
            self.draw_map(root, map, left as i32, top as i32)?;
        }
        let (width, _) = root.dim_in_pixel();
        draw_scale(root, (width - SCALE) as i32 + 30, (TITLE + HEADING) as i32)
    }
}

impl Figure<'_> {
    fn draw_map<DB: DrawingBackend>(
        &self,
        root: &Area<DB>,
        map: &Heatmap<'_>,
        left: i32,
        top: i32,
    ) -> Result<(), DrawError<DB>> {
        let time = map.weights.len();
        // Where the border after so many of the cells is.
        let edge = |cells: usize| (cells as u32 * self.side / time as u32) as i32;
        let middle = |cell: usize| (edge(cell) + edge(cell + 1)) / 2;

        let heading = (FONT, 20).into_font().color(&BLACK);
        let name = format!("layer {}, head {}", map.layer, map.head);
        root.draw(&Text::new(name, (left, top - 26), heading))?;
        for (query, row) in map.weights.iter().enumerate() {
            for (key, weight) in row.iter().enumerate() {
                let corners = [
                    (left + edge(key), top + edge(query)),
                    (left + edge(key + 1), top + edge(query + 1)),
                ];
                // What a token may not see is no weight of zero.
                let colour = if key > query { HIDDEN } else { shade(*weight) };
                root.draw(&Rectangle::new(corners, colour.filled()))?;
            }
        }
        let border = [(left, top), (left + self.side as i32, top + self.side as i32)];
        root.draw(&Rectangle::new(border, BLACK.mix(0.4)))?;

        let size = (self.side / time.max(1) as u32).clamp(9, 18);
        // Labels that would touch are left out evenly.
        let every = (size as usize * time).div_ceil(self.side as usize).max(1);
        let style = (FONT, size).into_font().color(&BLACK);
        let beside = style.pos(Pos::new(HPos::Right, VPos::Center));
        let below = (FONT, size).into_font().transform(FontTransform::Rotate90).color(&BLACK);
        let below = below.pos(Pos::new(HPos::Left, VPos::Center));
        for (at, label) in self.labels.iter().enumerate().take(time).step_by(every) {
            let label = shortened(label);
            root.draw(&Text::new(label.clone(), (left - 6, top + middle(at)), beside.clone()))?;
            let bottom = top + self.side as i32 + 6;
            root.draw(&Text::new(label, (left + middle(at), bottom), below.clone()))?;
        }
        Ok(())
    }
}

fn draw_scale<DB: DrawingBackend>(
    root: &Area<DB>,
    left: i32,
    top: i32,
) -> Result<(), DrawError<DB>> {
    const STEPS: i32 = 200;
    for step in 0..STEPS {
        let y = top + STEPS - 1 - step;
        let colour = shade(step as f32 / (STEPS - 1) as f32);
        root.draw(&Rectangle::new([(left, y), (left + 20, y + 1)], colour.filled()))?;
    }
    let style = (FONT, 18).into_font().color(&BLACK).pos(Pos::new(HPos::Left, VPos::Center));
    for (value, text) in [(0, "0"), (STEPS / 2, "0.5"), (STEPS, "1")] {
        root.draw(&Text::new(text, (left + 26, top + STEPS - value), style.clone()))?;
    }
    Ok(())
}

const HIDDEN: RGBColor = RGBColor(235, 235, 235);

/// The colour of a weight: matplotlib's viridis at five of its points, brighter for more.
pub(crate) fn shade(weight: f32) -> RGBColor {
    const POINTS: [[f32; 3]; 5] = [
        [68.0, 1.0, 84.0],
        [59.0, 82.0, 139.0],
        [33.0, 145.0, 140.0],
        [94.0, 201.0, 98.0],
        [253.0, 231.0, 37.0],
    ];
    let place = weight.clamp(0.0, 1.0) * (POINTS.len() - 1) as f32;
    let from = (place as usize).min(POINTS.len() - 2);
    let part = place - from as f32;
    let mix = |channel: usize| {
        let (low, high) = (POINTS[from][channel], POINTS[from + 1][channel]);
        (low + (high - low) * part).round() as u8
    };
    RGBColor(mix(0), mix(1), mix(2))
}

/// The start of a label that is too long for its margin.
pub(crate) fn shortened(label: &str) -> String {
    const MOST: usize = 9;
    if label.chars().count() <= MOST {
        return label.to_owned();
    }
    label.chars().take(MOST - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests;
