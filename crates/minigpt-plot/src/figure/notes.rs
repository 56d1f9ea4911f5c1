//! Words beside points, where they hide as little as possible.

use super::frame::{Cell, Frame, thinned};
use super::marks::THIN;
use super::text::shortened;
use super::{Chart, Form, Note};
use crate::look::Look;
use crate::sheet::{Letters, Place, Sheet, Stroke, text_width};

/// Size of the letters in ems.
const TEXT: f64 = 0.92;

pub(super) fn draw(sheet: &mut Sheet, chart: &Chart, frame: &Frame, look: Look) {
    let em = look.size.em();
    let drawn = drawn_places(chart, frame, em);
    let around =
        |at: Place| grown(Cell { left: at.0, top: at.1, width: 0.0, height: 0.0 }, 0.5 * em);
    let place = |note: &Note| frame.place(note.at, note.on_right);
    let is_within = |note: &&Note| contains(grown(frame.area, 1.0), place(note));
    let noted: Vec<&Note> = chart.notes.iter().filter(is_within).collect();
    let mut taken: Vec<Cell> = noted.iter().map(|note| around(place(note))).collect();
    for note in noted {
        let at = place(note);
        if note.ring {
            draw_ring(sheet, at, look);
        }
        if note.text.is_empty() {
            continue;
        }
        let text = shortened(&note.text, TEXT * em, frame.area.width * 0.9);
        let size = (text_width(&text, TEXT * em), TEXT * em);
        let cell = best_cell(at, size, frame.area, &drawn, &taken, em);
        draw_leader(sheet, at, cell, look);
        let padded = grown(cell, 0.12 * em);
        let (from, to) = ((padded.left, padded.top), (right(padded), bottom(padded)));
        sheet.rectangle(from, to, look.theme.background().opacity(0.75));
        let letters = Letters::new(TEXT * em, look.theme.ink());
        sheet.text(text, (cell.left, bottom(cell) - 0.14 * size.1), letters);
        taken.push(cell);
    }
}

fn draw_ring(sheet: &mut Sheet, at: Place, look: Look) {
    let em = look.size.em();
    sheet.ring(at, 0.46 * em, Stroke::solid(look.theme.background(), 0.2 * em));
    sheet.ring(at, 0.46 * em, Stroke::solid(look.theme.ink(), 0.08 * em));
}

/// A thin line from a point to words that do not stand beside it.
fn draw_leader(sheet: &mut Sheet, at: Place, cell: Cell, look: Look) {
    let em = look.size.em();
    let near = (at.0.clamp(cell.left, right(cell)), at.1.clamp(cell.top, bottom(cell)));
    let (along, down) = (near.0 - at.0, near.1 - at.1);
    let distance = along.hypot(down);
    if distance > 1.3 * em {
        let from = (at.0 + along / distance * 0.5 * em, at.1 + down / distance * 0.5 * em);
        sheet.path(vec![from, near], Stroke::solid(look.theme.muted(), THIN * em));
    }
}

/// Places along all lines, close enough together that no word fits between them; a pale line counts less.
fn drawn_places(chart: &Chart, frame: &Frame, em: f64) -> Vec<(Place, f64)> {
    let mut drawn = Vec::new();
    for line in &chart.lines {
        let weight = if line.form == Form::Pale { 0.25 } else { 1.0 };
        let places = line.points.iter().map(|point| frame.place(*point, line.on_right));
        let places = thinned(places.collect());
        drawn.extend(places.first().map(|at| (*at, weight)));
        for (from, to) in places.iter().zip(places.iter().skip(1)) {
            let (along, down) = (to.0 - from.0, to.1 - from.1);
            let steps = (along.hypot(down) / (0.4 * em)).ceil().clamp(1.0, 400.0);
            for step in 1..=steps as usize {
                let part = step as f64 / steps;
                drawn.push(((from.0 + along * part, from.1 + down * part), weight));
            }
        }
    }
    drawn
}

/// The free rectangle of that size that is nearest to a point, or else the one that hides least.
fn best_cell(
    at: Place,
    (width, height): (f64, f64),
    area: Cell,
    drawn: &[(Place, f64)],
    taken: &[Cell],
    em: f64,
) -> Cell {
    let mut best: Option<(f64, Cell)> = None;
    for distance in [0.75, 1.2, 1.8, 2.6, 3.6, 5.0, 7.0] {
        for (across, down) in DIRECTIONS {
            // From the point to the middle of the nearest edge or to the nearest corner.
            let left = at.0 + across * distance * em + (across - 1.0) / 2.0 * width;
            let top = at.1 + down * distance * em + (down - 1.0) / 2.0 * height;
            // Of axes narrower than the words it is their left end.
            let inside = left.min(right(area) - width - 0.3 * em).max(area.left + 0.3 * em);
            let cell = Cell { left: inside, top, width, height };
            let fits = top >= area.top && bottom(cell) <= bottom(area);
            if !fits {
                continue;
            }
            let wide = grown(cell, 0.25 * em);
            let hidden: f64 = drawn
                .iter()
                .filter(|(place, _)| contains(wide, *place))
                .map(|(_, weight)| weight)
                .sum();
            let crowded = taken.iter().filter(|other| overlap(wide, **other)).count();
            let on_point = f64::from(u8::from(contains(wide, at)));
            let crossed = if distance > 1.2 { crossed(at, cell, drawn, em) } else { 0.0 };
            let cost =
                4.0 * hidden + 0.15 * crossed + 100.0 * (crowded as f64 + on_point) + distance;
            if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, cell));
            }
        }
    }
    let anywhere = Cell { left: area.left + 0.3 * em, top: area.top, width, height };
    best.map_or(anywhere, |(_, cell)| cell)
}

/// How much of the lines a leader to that rectangle would cross.
fn crossed(at: Place, cell: Cell, drawn: &[(Place, f64)], em: f64) -> f64 {
    let near = (at.0.clamp(cell.left, right(cell)), at.1.clamp(cell.top, bottom(cell)));
    let is_near = |place: Place| {
        (1..=8).any(|step| {
            let part = f64::from(step) / 8.0;
            let on = (at.0 + (near.0 - at.0) * part, at.1 + (near.1 - at.1) * part);
            (on.0 - place.0).hypot(on.1 - place.1) < 0.3 * em
        })
    };
    let far = drawn.iter().filter(|(place, _)| (at.0 - place.0).hypot(at.1 - place.1) > 0.8 * em);
    far.filter(|(place, _)| is_near(*place)).map(|(_, weight)| weight).sum()
}

/// Above and below first: beside a point its line goes on.
const DIRECTIONS: [(f64, f64); 8] = [
    (0.0, -1.0),
    (0.0, 1.0),
    (1.0, -1.0),
    (-1.0, -1.0),
    (1.0, 1.0),
    (-1.0, 1.0),
    (1.0, 0.0),
    (-1.0, 0.0),
];

fn right(cell: Cell) -> f64 {
    cell.left + cell.width
}

fn bottom(cell: Cell) -> f64 {
    cell.top + cell.height
}

fn grown(cell: Cell, by: f64) -> Cell {
    Cell {
        left: cell.left - by,
        top: cell.top - by,
        width: cell.width + 2.0 * by,
        height: cell.height + 2.0 * by,
    }
}

fn contains(cell: Cell, (x, y): Place) -> bool {
    (cell.left..=right(cell)).contains(&x) && (cell.top..=bottom(cell)).contains(&y)
}

fn overlap(a: Cell, b: Cell) -> bool {
    a.left < right(b) && b.left < right(a) && a.top < bottom(b) && b.top < bottom(a)
}

#[cfg(test)]
mod tests;
