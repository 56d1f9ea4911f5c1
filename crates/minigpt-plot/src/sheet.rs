//! A sheet to draw on: it keeps lines, areas and texts in pixels, and becomes an SVG or a PNG.
//!
//! plotters' own backends round to whole pixels, draw thick lines without smooth edges and know no dashes. This
//! one is a backend of plotters as well, so that all pictures come out alike.

use std::path::Path;

use crate::error::PlotError;

mod backend;
mod font;
mod raster;
mod svg;

pub(crate) use font::width as text_width;

/// Red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Colour(pub(crate) u8, pub(crate) u8, pub(crate) u8);

/// A colour, and how much of what is below it hides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Paint {
    colour: Colour,
    opacity: f64,
}

impl Colour {
    pub(crate) fn opacity(self, opacity: f64) -> Paint {
        Paint { colour: self, opacity }
    }
}

impl From<Colour> for Paint {
    fn from(colour: Colour) -> Self {
        colour.opacity(1.0)
    }
}

/// A place in pixels, to the right and down.
pub(crate) type Place = (f64, f64);

/// How a line is drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stroke {
    pub(crate) paint: Paint,
    pub(crate) width: f64,
    /// Dashes and gaps in widths of the line.
    pub(crate) dash: &'static [f64],
}

impl Stroke {
    pub(crate) fn solid(paint: impl Into<Paint>, width: f64) -> Self {
        Self { paint: paint.into(), width, dash: &[] }
    }
}

/// Which part of a text stands at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// Where a text runs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    None,
    Down,
    Up,
}

/// Letters: their size is an em's, their place on the line that they stand on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Letters {
    pub(crate) size: f64,
    pub(crate) paint: Paint,
    pub(crate) anchor: Anchor,
    pub(crate) turn: Turn,
}

impl Letters {
    pub(crate) fn new(size: f64, paint: impl Into<Paint>) -> Self {
        Self { size, paint: paint.into(), anchor: Anchor::Start, turn: Turn::None }
    }

    pub(crate) fn anchored(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }
}

/// From the line that letters stand on to the middle of a capital, in ems.
pub(crate) const MIDDLE: f64 = 0.365;

enum Shape {
    Path { points: Vec<Place>, stroke: Stroke },
    Area { points: Vec<Place>, paint: Paint },
    Circle { middle: Place, radius: f64, paint: Paint },
    Ring { middle: Place, radius: f64, stroke: Stroke },
    Text { text: String, at: Place, letters: Letters },
}

/// What was drawn, in order.
pub(crate) struct Sheet {
    width: u32,
    height: u32,
    dots_per_inch: f64,
    title: String,
    background: Colour,
    shapes: Vec<Shape>,
}

impl Sheet {
    /// An empty one; `title` is for readers who do not see it.
    pub(crate) fn new(
        size: (u32, u32),
        dots_per_inch: f64,
        background: Colour,
        title: &str,
    ) -> Self {
        let (width, height) = size;
        let title = title.to_owned();
        Self { width, height, dots_per_inch, title, background, shapes: Vec::new() }
    }

    pub(crate) fn path(&mut self, points: Vec<Place>, stroke: Stroke) {
        if points.len() > 1 {
            self.shapes.push(Shape::Path { points, stroke });
        }
    }

    /// A line from left to right or from top to bottom, moved by less than a pixel so that its edges are sharp.
    pub(crate) fn rule(&mut self, from: Place, to: Place, stroke: Stroke) {
        let sharp = |at: f64| (at - stroke.width / 2.0).round() + stroke.width / 2.0;
        let snapped = |(x, y): Place| if from.0 == to.0 { (sharp(x), y) } else { (x, sharp(y)) };
        self.path(vec![snapped(from), snapped(to)], stroke);
    }

    pub(crate) fn area(&mut self, points: Vec<Place>, paint: impl Into<Paint>) {
        self.shapes.push(Shape::Area { points, paint: paint.into() });
    }

    pub(crate) fn rectangle(&mut self, from: Place, to: Place, paint: impl Into<Paint>) {
        self.area(vec![from, (to.0, from.1), to, (from.0, to.1)], paint);
    }

    pub(crate) fn circle(&mut self, middle: Place, radius: f64, paint: impl Into<Paint>) {
        self.shapes.push(Shape::Circle { middle, radius, paint: paint.into() });
    }

    pub(crate) fn ring(&mut self, middle: Place, radius: f64, stroke: Stroke) {
        self.shapes.push(Shape::Ring { middle, radius, stroke });
    }

    pub(crate) fn text(&mut self, text: impl Into<String>, at: Place, letters: Letters) {
        self.shapes.push(Shape::Text { text: text.into(), at, letters });
    }

    /// Writes a file, whose ending decides the format.
    pub(crate) fn save(&self, path: &Path) -> Result<(), PlotError> {
        let bytes = match path.extension().and_then(|extension| extension.to_str()) {
            Some("png") => raster::png(self)?,
            Some("svg") => self.to_svg().into_bytes(),
            _ => return Err(PlotError::Format { path: path.to_owned() }),
        };
        Ok(minigpt_files::write(path, bytes)?)
    }

    /// The text of an SVG.
    pub(crate) fn to_svg(&self) -> String {
        svg::write(self)
    }
}

#[cfg(test)]
mod tests;
