//! From a picture to a file, and what all pictures share: font, colours, numbers on axes.

use std::cell::RefCell;
use std::ops::Range;
use std::path::Path;
use std::rc::Rc;
use std::sync::Once;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

use crate::error::PlotError;
use crate::sheet::{Colour, Sheet};

/// The tutorial's 12 × 5 inches at 150 dots per inch.
pub(crate) const SIZE: (u32, u32) = (1800, 750);

const DOTS_PER_INCH: f64 = 150.0;

pub(crate) const FONT: &str = "sans-serif";

/// Okabe and Ito's colours, told apart by colour-blind readers too.
pub(crate) const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];

pub(crate) type Area<DB> = DrawingArea<DB, Shift>;
pub(crate) type DrawError<DB> = DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>;

/// What can be drawn on whatever plotters can draw on.
pub(crate) trait Picture {
    fn paint<DB: DrawingBackend>(&self, root: &Area<DB>) -> Result<(), DrawError<DB>>;
}

/// Draws a picture of that size into a file, whose ending decides the format.
pub(crate) fn save(
    path: &Path,
    size: (u32, u32),
    title: &str,
    picture: &impl Picture,
) -> Result<(), PlotError> {
    use_embedded_font();
    let sheet = Sheet::new(size, DOTS_PER_INCH, Colour(255, 255, 255), title);
    let sheet = Rc::new(RefCell::new(sheet));
    let drawn = picture.paint(&Area::from(&sheet));
    drawn
        .map_err(|error| PlotError::Drawing { path: path.to_owned(), reason: error.to_string() })?;
    sheet.borrow().save(path)
}

/// plotters is built without the system's fonts, so that nothing need be installed.
fn use_embedded_font() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let font = include_bytes!("../assets/DejaVuSans-subset.ttf");
        for style in [FontStyle::Normal, FontStyle::Bold] {
            // The bytes are fixed at build time and every test that draws reads them.
            let _ = register_font(FONT, style, font);
        }
    });
}

/// From a little below the lowest value to a little above the highest.
pub(crate) fn y_range(points: impl Iterator<Item = (f64, f64)> + Clone) -> Range<f64> {
    let low = points.clone().map(|(_, y)| y).fold(f64::INFINITY, f64::min);
    let high = points.map(|(_, y)| y).fold(f64::NEG_INFINITY, f64::max);
    // A flat line too needs some height around it; nothing drawn here is below zero.
    let margin = ((high - low) * 0.08).max(high.abs() * 0.01).max(1e-9);
    (low - margin).max(0.0)..high + margin
}

/// A number with the decimals that an axis as long as `span` needs.
pub(crate) fn number(value: f64, span: f64) -> String {
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
mod tests;
