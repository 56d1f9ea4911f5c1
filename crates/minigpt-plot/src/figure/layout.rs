//! Where everything of a figure stands: title, legend, charts in rows, remark.

use super::frame::Cell;
use super::legend::{self, Entry};
use super::text::wrapped;
use super::{Chart, Figure, chart};
use crate::look::{Look, Size};
use crate::sheet::{Letters, Sheet};

/// A figure of drawable points on a sheet.
pub(super) fn sheet(figure: &Figure, look: Look) -> Sheet {
    let (em, width) = (look.size.em(), look.size.width());
    let (margin, inner) = (em, width - 2.0 * em);
    let title = wrapped(&figure.title, TITLE * em, inner, 3);
    let remark = wrapped(&figure.remark, REMARK * em, inner, 3);
    let columns = look.size.columns(figure.charts.len());
    let gap = 1.5 * em;
    let cell_width = (inner - gap * (columns - 1) as f64) / columns as f64;
    // One legend for all where all have the same lines.
    let shared = shared_legend(&figure.charts);
    let shared_height = legend::height(&shared, inner, em);
    let rows: Vec<&[Chart]> = figure.charts.chunks(columns).collect();
    let heading = |row: &[Chart]| -> f64 {
        let own = |chart: &Chart| {
            let entries = if shared.is_empty() { legend::entries(&[chart]) } else { Vec::new() };
            chart::caption_height(chart, em) + legend::height(&entries, cell_width, em)
        };
        row.iter().map(own).fold(0.0, f64::max)
    };
    let headings: Vec<f64> = rows.iter().map(|row| heading(row)).collect();
    let title_height = title.len() as f64 * LINE * TITLE * em + 0.3 * em;
    let above = margin + title_height + shared_height;
    let below = remark.len() as f64 * LINE * REMARK * em + 0.6 * em;
    let foot = chart::foot_height(em);
    let height = match look.size.axes_height(figure.charts.len()) {
        Some(axes) => {
            let cell = |heading: &f64| heading + axes * em + foot;
            above + headings.iter().map(cell).sum::<f64>() + below
        }
        None => Size::SLIDE_HEIGHT,
    };
    let mut sheet = Sheet::new(
        (width as u32, height.ceil() as u32),
        look.size.dots_per_inch(),
        look.theme.background(),
        &figure.title,
    );
    let mut top = margin;
    let letters = Letters::new(TITLE * em, look.theme.ink());
    for line in title {
        sheet.text(line, (margin, top + TITLE * em * 0.85), letters);
        top += LINE * TITLE * em;
    }
    top = margin + title_height;
    legend::draw(&mut sheet, &shared, (margin, top), inner, look);
    top += shared_height;
    let cell_height = (height - above - below) / rows.len().max(1) as f64;
    let spare = headings.iter().sum::<f64>() / rows.len().max(1) as f64;
    for (row, heading) in rows.iter().zip(&headings) {
        // Rows with more lines of legend are taller by those.
        let height = cell_height + heading - spare;
        for (column, chart) in row.iter().enumerate() {
            let left = margin + column as f64 * (cell_width + gap);
            let cell = Cell { left, top, width: cell_width, height };
            chart::draw(&mut sheet, chart, cell, *heading, shared.is_empty(), look);
        }
        top += height;
    }
    let letters = Letters::new(REMARK * em, look.theme.muted());
    for line in remark {
        top += LINE * REMARK * em;
        sheet.text(line, (margin, top - 0.3 * REMARK * em), letters);
    }
    sheet
}

/// Sizes of title and remark, and the distance of lines, in ems.
const TITLE: f64 = 1.2;
const REMARK: f64 = 0.85;
const LINE: f64 = 1.35;

/// The legend of several charts whose lines have the same names; empty where each has a legend of its own.
fn shared_legend(charts: &[Chart]) -> Vec<Entry> {
    let names = |chart: &Chart| -> Vec<String> {
        legend::entries(&[chart]).into_iter().map(|entry| entry.label).collect()
    };
    let mut filled = charts.iter().filter(|chart| !chart.lines.is_empty());
    let Some(first) = filled.next().map(names) else { return Vec::new() };
    let is_shared = charts.len() > 1 && filled.all(|chart| names(chart) == first);
    if is_shared { legend::entries(&charts.iter().collect::<Vec<_>>()) } else { Vec::new() }
}
