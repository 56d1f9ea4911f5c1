//! Marks, and how thick and how pale lines are.

use crate::look::{Look, Mark, mark};
use crate::sheet::{Place, Sheet, Stroke};

/// Widths of lines in ems.
pub(super) const THICK: f64 = 0.095;
pub(super) const THIN: f64 = 0.05;
/// How much is seen of a band.
pub(super) const BAND: f64 = 0.2;

/// A mark in the form and colour of its line.
pub(super) fn draw_mark(
    sheet: &mut Sheet,
    (x, y): Place,
    number: usize,
    is_open: bool,
    radius: f64,
    look: Look,
) {
    let colour = look.theme.line(number);
    let inside = if is_open { look.theme.background() } else { colour };
    let edge = Stroke::solid(colour, radius * 0.35);
    let corners: &[Place] = match mark(number) {
        Mark::Circle => {
            sheet.circle((x, y), radius, inside);
            if is_open {
                sheet.ring((x, y), radius, edge);
            }
            return;
        }
        Mark::Square => &[(-0.88, -0.88), (0.88, -0.88), (0.88, 0.88), (-0.88, 0.88)],
        Mark::Triangle => &[(0.0, -1.25), (1.1, 0.8), (-1.1, 0.8)],
        Mark::Diamond => &[(0.0, -1.3), (1.1, 0.0), (0.0, 1.3), (-1.1, 0.0)],
    };
    let corner = |&(right, down): &Place| (x + right * radius, y + down * radius);
    let mut corners: Vec<Place> = corners.iter().map(corner).collect();
    sheet.area(corners.clone(), inside);
    if is_open {
        // Around, and over the first corner.
        corners.extend([corners[0], corners[1]]);
        sheet.path(corners, edge);
    }
}
