//! A confusion matrix as a picture.

use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::chart::{Area, DrawError, FONT, use_embedded_font};
use super::heatmap::{shade, shortened};
use super::save;
use crate::confusion::Confusion;
use crate::error::TrainError;

/// Pixels of the matrix's side, and around it for names.
const SIDE: u32 = 720;
const LEFT: u32 = 190;
const TOP: u32 = 110;
const BELOW: u32 = 130;
const RIGHT: u32 = 40;

/// Draws how often texts of each label were taken for each: a row for what they are. A cell is as
/// bright as the part of its row that it has. The ending of `path`, `.png` or `.svg`, decides the
/// format.
///
/// # Errors
/// [`TrainError::PictureFormat`], [`TrainError::Plot`] or [`TrainError::Io`].
pub fn draw_confusion(path: &Path, title: &str, confusion: &Confusion) -> Result<(), TrainError> {
    let size = (LEFT + SIDE + RIGHT, TOP + SIDE + BELOW);
    save(path, size, &Figure { title, confusion })
}

struct Figure<'a> {
    title: &'a str,
    confusion: &'a Confusion,
}

impl super::Picture for Figure<'_> {
    fn paint<DB: DrawingBackend>(&self, root: &Area<DB>) -> Result<(), DrawError<DB>> {
        use_embedded_font();
        root.fill(&WHITE)?;
        let Confusion { labels, counts } = self.confusion;
        let font = |size: u32| (FONT, size).into_font().color(&BLACK);
        root.draw(&Text::new(self.title.to_owned(), (20, 16), font(26)))?;
        let figures = format!(
            "accuracy {:.4}, macro-F1 {:.4}, {} texts",
            self.confusion.accuracy(),
            self.confusion.macro_f1(),
            self.confusion.texts()
        );
        root.draw(&Text::new(figures, (20, 58), font(22)))?;

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
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_all_counts_and_labels() {
        let labels = ["negative", "positive"].map(str::to_owned).to_vec();
        let pairs = [(0, 0), (0, 0), (0, 1), (1, 1)].into_iter().cycle().take(400);
        let confusion = Confusion::new(labels, pairs);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("confusion.svg");
        draw_confusion(&path, "a title", &confusion).unwrap();
        let text = fs_err::read_to_string(&path).unwrap();
        let parts = ["a title", "accuracy 0.7500", "negative", "positive", "200", "400 texts"];
        for part in parts {
            assert!(text.contains(part), "no {part}");
        }
        let path = path.with_extension("png");
        draw_confusion(&path, "a title", &confusion).unwrap();
        let file = std::io::BufReader::new(fs_err::File::open(&path).unwrap());
        let reader = png::Decoder::new(file).read_info().unwrap();
        assert_eq!(reader.info().height, TOP + SIDE + BELOW);
    }
}
