//! The legend, which stands above the axes and so never covers data.

use super::marks::{BAND, THICK, THIN, draw_mark};
use super::text::shortened;
use super::{Chart, Form};
use crate::look::{Look, dash};
use crate::sheet::{Letters, MIDDLE, Place, Sheet, Stroke, text_width};

/// What the legend says of lines with one name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Entry {
    pub(super) label: String,
    number: usize,
    line: bool,
    pale: bool,
    marks: bool,
    open_marks: bool,
    band: bool,
}

/// Sizes in ems.
const KEY: f64 = 1.9;
const TEXT: f64 = 0.88;
const ROW: f64 = 1.45;
const GAP: f64 = 1.2;

/// Most rows before labels are shortened to make columns, and ems of a column that leave names to be told apart.
const ROWS: usize = 8;
const LEAST: f64 = 14.0;

/// What charts have to say in a legend; lines of one name are one entry.
pub(super) fn entries(charts: &[&Chart]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for line in charts.iter().flat_map(|chart| &chart.lines).filter(|line| line.is_listed) {
        let known = entries.iter().position(|entry| entry.label == line.label);
        let index = known.unwrap_or_else(|| {
            let (label, number) = (line.label.clone(), line.number);
            entries.push(Entry { label, number, ..Entry::default() });
            entries.len() - 1
        });
        let entry = &mut entries[index];
        entry.line |= line.form == Form::Line;
        entry.pale |= line.form == Form::Pale;
        entry.marks |= line.form == Form::Marks;
        entry.open_marks |= line.form == Form::OpenMarks;
        entry.band |= !line.band.is_empty();
    }
    entries
}

/// The pixels that a legend takes, with the space below it.
pub(super) fn height(entries: &[Entry], width: f64, em: f64) -> f64 {
    let rows = places(entries, width, em).iter().map(|(_, row)| row + 1).max().unwrap_or(0);
    if rows == 0 { 0.0 } else { (rows as f64 * ROW + 0.35) * em }
}

pub(super) fn draw(sheet: &mut Sheet, entries: &[Entry], at: Place, width: f64, look: Look) {
    let em = look.size.em();
    let room = label_room(entries.len(), width, em);
    let letters = Letters::new(TEXT * em, look.theme.ink());
    for (entry, (x, row)) in entries.iter().zip(places(entries, width, em)) {
        let left = at.0 + x;
        let middle = at.1 + (row as f64 + 0.5) * ROW * em;
        draw_key(sheet, entry, (left, middle), look);
        let label = shortened(&entry.label, TEXT * em, room);
        sheet.text(label, (left + (KEY + 0.4) * em, middle + MIDDLE * TEXT * em), letters);
    }
}

/// Pixels for a label where so many columns are needed.
fn label_room(entries: usize, width: f64, em: f64) -> f64 {
    let columns = (entries.div_ceil(ROWS) as f64).min(width / (LEAST * em)).floor().max(1.0);
    (width - (columns - 1.0) * GAP * em) / columns - (KEY + 0.4) * em
}

/// Where entries stand: pixels from the left, and the row. A few fill rows one after the other, more stand in
/// columns.
fn places(entries: &[Entry], width: f64, em: f64) -> Vec<(f64, usize)> {
    let room = label_room(entries.len(), width, em);
    let label = |entry: &Entry| text_width(&entry.label, TEXT * em).min(room);
    let widths: Vec<f64> = entries.iter().map(|entry| label(entry) + (KEY + 0.4) * em).collect();
    let flow = flow(&widths, width, GAP * em);
    if flow.iter().all(|(_, row)| *row < 2) {
        return flow;
    }
    let widest = widths.iter().copied().fold(0.0, f64::max) + GAP * em;
    let columns = (((width + GAP * em) / widest) as usize).max(1);
    let rows = entries.len().div_ceil(columns);
    (0..entries.len()).map(|index| ((index / rows) as f64 * widest, index % rows)).collect()
}

/// One after the other, in a new row where the width ends.
fn flow(widths: &[f64], width: f64, gap: f64) -> Vec<(f64, usize)> {
    let (mut x, mut row) = (0.0, 0);
    let mut places = Vec::new();
    for own in widths {
        if x > 0.0 && x + own > width {
            (x, row) = (0.0, row + 1);
        }
        places.push((x, row));
        x += own + gap;
    }
    places
}

fn draw_key(sheet: &mut Sheet, entry: &Entry, (left, middle): Place, look: Look) {
    let em = look.size.em();
    let colour = look.theme.line(entry.number);
    let right = left + KEY * em;
    if entry.band {
        let (from, to) = ((left, middle - 0.4 * em), (right, middle + 0.4 * em));
        sheet.rectangle(from, to, colour.opacity(BAND));
    }
    let line = vec![(left, middle), (right, middle)];
    if entry.line {
        let stroke = Stroke { dash: dash(entry.number), ..Stroke::solid(colour, THICK * em) };
        sheet.path(line, stroke);
    } else if entry.pale {
        sheet.path(line, Stroke::solid(colour.opacity(look.theme.pale()), THIN * em));
    } else {
        sheet.path(line, Stroke::solid(colour, THIN * em));
    }
    let at = ((left + right) / 2.0, middle);
    if entry.marks || entry.open_marks {
        draw_mark(sheet, at, entry.number, !entry.marks, 0.26 * em, look);
    }
}
