//! A confusion matrix as a picture.

use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::error::PlotError;
use crate::heatmap::{shade, shortened};
use crate::picture::{Area, DrawError, FONT, Picture, save};

/// Pixels of the matrix's side, and around it for names.
const SIDE: u32 = 720;
const LEFT: u32 = 190;
const TOP: u32 = 110;
const BELOW: u32 = 130;
const RIGHT: u32 = 40;

/// Draws how often texts of each of `labels` were taken for each: a row of `counts` for what they are. A
/// cell is as bright as the part of its row that it has. `figures` stands below the title. The ending of
/// `path`, `.png` or `.svg`, decides the format.
///
/// # Errors
/// [`PlotError`].
///
/// # Panics
/// If a row has more counts than there are labels, or there are no labels.
pub fn draw_confusion(
    path: &Path,
    title: &str,
    figures: &str,
    labels: &[String],
    counts: &[Vec<usize>],
) -> Result<(), PlotError> {
    let size = (LEFT + SIDE + RIGHT, TOP + SIDE + BELOW);
    save(path, size, title, &Figure { title, figures, labels, counts })
}

struct Figure<'a> {
    title: &'a str,
    figures: &'a str,
    labels: &'a [String],
    counts: &'a [Vec<usize>],
}

impl Picture for Figure<'_> {
    fn paint<DB: DrawingBackend>(&self, root: &Area<DB>) -> Result<(), DrawError<DB>> {
        let Self { labels, counts, .. } = *self;
        let font = |size: u32| (FONT, size).into_font().color(&BLACK);
        root.draw(&Text::new(self.title.to_owned(), (20, 16), font(26)))?;
        root.draw(&Text::new(self.figures.to_owned(), (20, 58), font(22)))?;

        let (left, top) = (LEFT as i32, TOP as i32);
        let edge = |cells: usize| (cells as u32 * SIDE / labels.len() as u32) as i32;
        let middle = |cell: usize| (edge(cell) + edge(cell + 1)) / 2;
        let centred = |size: u32, colour: RGBColor| {
            (FONT, size).into_font().color(&colour).pos(Pos::new(HPos::Center, VPos::Center))
        };
        let size = (SIDE / labels.len() as u32 / 4).clamp(9, 40);
        for (row, counts) in counts.iter().enumerate() {
            let sum = counts.iter().sum::<usize>().max(1);
            for (column, count) in counts.iter().enumerate() {
                let corners = [
                    (left + edge(column), top + edge(row)),
                    (left + edge(column + 1), top + edge(row + 1)),
                ];
                let part = *count as f32 / sum as f32;
                root.draw(&Rectangle::new(corners, shade(part).filled()))?;
                let place = (left + middle(column), top + middle(row));
                let colour = if part > 0.6 { BLACK } else { WHITE };
                root.draw(&Text::new(count.to_string(), place, centred(size, colour)))?;
            }
        }
        let border = [(left, top), (left + SIDE as i32, top + SIDE as i32)];
        root.draw(&Rectangle::new(border, BLACK.mix(0.4)))?;

        let name_size = (SIDE / labels.len() as u32).clamp(9, 22);
        let beside = font(name_size).pos(Pos::new(HPos::Right, VPos::Center));
        let below = font(name_size).pos(Pos::new(HPos::Center, VPos::Top));
        let bottom = top + SIDE as i32;
        for (at, label) in labels.iter().enumerate() {
            let label = shortened(label);
            root.draw(&Text::new(label.clone(), (left - 10, top + middle(at)), beside.clone()))?;
            root.draw(&Text::new(label, (left + middle(at), bottom + 10), below.clone()))?;
        }
        let place = (left + SIDE as i32 / 2, bottom + 70);
        root.draw(&Text::new("taken for", place, font(22).pos(Pos::new(HPos::Center, VPos::Top))))?;
        root.draw(&Text::new("is", (20, top + SIDE as i32 / 2), font(22)))
    }
}

#[cfg(test)]
mod tests;
