//! One coordinate system: its axes, and what is drawn in them.

use super::frame::{Cell, Frame, thinned};
use super::marks::{BAND, THICK, THIN, draw_mark};
use super::text::{shortened, wrapped};
use super::{Chart, Form, Line, legend, notes};
use crate::axis::{Span, Tick};
use crate::look::{Look, dash};
use crate::sheet::{Anchor, Letters, MIDDLE, Place, Sheet, Stroke, Turn, text_width};

/// Sizes of letters in ems.
const CAPTION: f64 = 1.05;
const NAME: f64 = 1.0;
const NUMBER: f64 = 0.9;

/// Pixels of the caption above a chart, with the space below it.
pub(super) fn caption_height(chart: &Chart, em: f64) -> f64 {
    if chart.caption.is_empty() { 0.4 * em } else { 1.7 * em }
}

/// Pixels below the axes.
pub(super) fn foot_height(em: f64) -> f64 {
    3.7 * em
}

/// Draws a chart of drawable points; its axes begin `heading` pixels below the cell's top.
pub(super) fn draw(
    sheet: &mut Sheet,
    chart: &Chart,
    cell: Cell,
    heading: f64,
    has_legend: bool,
    look: Look,
) {
    let em = look.size.em();
    let caption = shortened(&chart.caption, CAPTION * em, cell.width);
    let letters = Letters::new(CAPTION * em, look.theme.ink());
    sheet.text(caption, (cell.left, cell.top + 1.1 * em), letters);
    if chart.lines.is_empty() {
        let letters = Letters::new(NAME * em, look.theme.muted()).anchored(Anchor::Middle);
        let middle = (cell.left + cell.width / 2.0, cell.top + cell.height / 2.0);
        for (index, line) in wrapped(chart.placeholder, NAME * em, cell.width, 3).iter().enumerate()
        {
            sheet.text(line.clone(), (middle.0, middle.1 + index as f64 * 1.35 * em), letters);
        }
        return;
    }
    if has_legend {
        let top = cell.top + caption_height(chart, em);
        legend::draw(sheet, &legend::entries(&[chart]), (cell.left, top), cell.width, look);
    }
    let frame = draw_axes(sheet, chart, cell, heading, look);
    for line in chart.lines.iter().filter(|line| !line.band.is_empty()) {
        draw_band(sheet, line, &frame, look);
    }
    for is_pale in [true, false] {
        for line in chart.lines.iter().filter(|line| (line.form == Form::Pale) == is_pale) {
            draw_line(sheet, line, &frame, look);
        }
    }
    notes::draw(sheet, chart, &frame, look);
}

fn draw_axes(sheet: &mut Sheet, chart: &Chart, cell: Cell, heading: f64, look: Look) -> Frame {
    let em = look.size.em();
    let values = |on_right: bool| {
        let lines = chart.lines.iter().filter(move |line| line.on_right == on_right);
        lines.flat_map(|line| {
            let points = line.points.iter().map(|(_, y)| *y);
            points.chain(line.band.iter().flat_map(|(low, high)| [*low, *high]))
        })
    };
    let (top, height) = (cell.top + heading, cell.height - heading - foot_height(em));
    let height = height.max(3.0 * em);
    let most = (height / (2.1 * em)) as usize;
    let y = chart.y.span(values(false), 0.06);
    let right = chart.right.as_ref().map(|axis| (axis, axis.span(values(true), 0.06)));
    let y_ticks = y.ticks(most);
    let right_ticks = right.as_ref().map_or(Vec::new(), |(_, span)| span.ticks(most / 2 + 1));
    let widest = |ticks: &[Tick]| {
        ticks.iter().map(|tick| text_width(&tick.label, NUMBER * em)).fold(0.0, f64::max)
    };
    // A rotated name, and the numbers beside it.
    let before = 2.1 * em + widest(&y_ticks);
    let after = if right.is_some() { 2.1 * em + widest(&right_ticks) } else { 0.9 * em };
    let width = cell.width - before - after;
    let area = Cell { left: cell.left + before, top, width, height };
    let x = x_span(chart);
    let x_ticks = x_ticks(&x, width, em);
    let frame = Frame { area, x, y, right: right.as_ref().map(|(_, span)| *span) };

    let (bottom, end) = (top + height, area.left + width);
    let grid = Stroke::solid(look.theme.grid(), (em / 24.0).max(1.0).round());
    let axis = Stroke::solid(look.theme.muted(), (em / 18.0).max(1.0).round());
    let faint = Stroke { paint: look.theme.grid().opacity(0.45), ..grid };
    let across = |value: f64| area.left + width * x.part(value);
    let down = |span: &Span, value: f64| top + height * (1.0 - span.part(value));
    for value in x.between() {
        sheet.rule((across(value), top), (across(value), bottom), faint);
    }
    for value in y.between() {
        sheet.rule((area.left, down(&y, value)), (end, down(&y, value)), faint);
    }
    let numbers = Letters::new(NUMBER * em, look.theme.ink());
    for tick in &x_ticks {
        let at = across(tick.value);
        sheet.rule((at, top), (at, bottom), grid);
        sheet.rule((at, bottom), (at, bottom + 0.25 * em), axis);
        let place = (at, bottom + 1.25 * em);
        sheet.text(tick.label.clone(), place, numbers.anchored(Anchor::Middle));
    }
    for tick in &y_ticks {
        let at = down(&y, tick.value);
        sheet.rule((area.left, at), (end, at), grid);
        let place = (area.left - 0.4 * em, at + MIDDLE * NUMBER * em);
        sheet.text(tick.label.clone(), place, numbers.anchored(Anchor::End));
    }
    if let Some((_, span)) = &right {
        for tick in &right_ticks {
            let at = down(span, tick.value);
            sheet.rule((end, at), (end + 0.25 * em, at), axis);
            let place = (end + 0.45 * em, at + MIDDLE * NUMBER * em);
            sheet.text(tick.label.clone(), place, numbers);
        }
        sheet.rule((end, top), (end, bottom), axis);
    }
    sheet.rule((area.left, top), (area.left, bottom), axis);
    sheet.rule((area.left, bottom), (end, bottom), axis);
    draw_names(sheet, chart, cell, &frame, look);
    frame
}

/// The names of the axes.
fn draw_names(sheet: &mut Sheet, chart: &Chart, cell: Cell, frame: &Frame, look: Look) {
    let em = look.size.em();
    let Cell { left, top, width, height } = frame.area;
    let name = Letters::new(NAME * em, look.theme.ink()).anchored(Anchor::Middle);
    let below = (left + width / 2.0, top + height + 2.75 * em);
    sheet.text(shortened(&chart.x.name, NAME * em, width), below, name);
    for (axis, x) in [
        (Some(&chart.y), cell.left + 0.9 * em),
        (chart.right.as_ref(), cell.left + cell.width - 0.2 * em),
    ] {
        let Some(axis) = axis else { continue };
        // A long name is smaller before it is cut.
        let room = height + 0.4 * em;
        let fits = room / text_width(&axis.name, NAME * em).max(1.0);
        let size = NAME * em * fits.clamp(0.75, 1.0);
        let up = Letters { turn: Turn::Up, size, ..name };
        sheet.text(shortened(&axis.name, size, room), (x, top + height / 2.0), up);
    }
}

/// From 0, or the first value of a logarithmic axis, to the last value, with room for its mark.
fn x_span(chart: &Chart) -> Span {
    let points = chart.lines.iter().flat_map(|line| &line.points);
    chart.x.clone().from_zero().span(points.map(|(x, _)| *x), 0.03)
}

/// As many numbers below the axis as have room beside each other.
fn x_ticks(span: &Span, width: f64, em: f64) -> Vec<Tick> {
    let mut most = (width / (3.0 * em)) as usize;
    loop {
        let ticks = span.ticks(most.max(2));
        let widths: f64 =
            ticks.iter().map(|tick| text_width(&tick.label, NUMBER * em) + 1.3 * em).sum();
        let places: Vec<f64> = ticks.iter().map(|tick| width * span.part(tick.value)).collect();
        let touch = places.windows(2).zip(ticks.windows(2)).any(|(place, ticks)| {
            let half = |tick: &Tick| text_width(&tick.label, NUMBER * em) / 2.0;
            place[1] - place[0] < half(&ticks[0]) + half(&ticks[1]) + 0.6 * em
        });
        if most <= 2 || (widths <= width && !touch) {
            return ticks;
        }
        most -= 1;
    }
}

fn draw_band(sheet: &mut Sheet, line: &Line, frame: &Frame, look: Look) {
    let ends = line.points.iter().zip(&line.band);
    let place = |x: f64, y: f64| frame.place((x, y), line.on_right);
    let mut outline: Vec<Place> = ends.clone().map(|((x, _), (low, _))| place(*x, *low)).collect();
    outline.extend(ends.rev().map(|((x, _), (_, high))| place(*x, *high)));
    sheet.area(outline, look.theme.line(line.number).opacity(BAND));
}

fn draw_line(sheet: &mut Sheet, line: &Line, frame: &Frame, look: Look) {
    let em = look.size.em();
    let colour = look.theme.line(line.number);
    let places: Vec<Place> =
        line.points.iter().map(|point| frame.place(*point, line.on_right)).collect();
    let alone = (places.len() == 1).then(|| places[0]);
    match line.form {
        Form::Pale => {
            if let Some(at) = alone {
                sheet.circle(at, 0.1 * em, colour.opacity(look.theme.pale()));
            }
            sheet
                .path(thinned(places), Stroke::solid(colour.opacity(look.theme.pale()), THIN * em));
        }
        Form::Line => {
            if let Some(at) = alone {
                draw_mark(sheet, at, line.number, false, 0.26 * em, look);
            }
            let stroke = Stroke::solid(colour, THICK * em);
            sheet.path(thinned(places), Stroke { dash: dash(line.number), ..stroke });
        }
        Form::Marks | Form::OpenMarks => {
            let is_open = line.form == Form::OpenMarks;
            let steps = places.windows(2).map(|pair| pair[1].0 - pair[0].0);
            let step = steps.fold(f64::INFINITY, f64::min);
            let radius = (0.4 * step).clamp(0.12 * em, 0.26 * em);
            sheet.path(thinned(places.clone()), Stroke::solid(colour, THIN * em));
            for at in places {
                draw_mark(sheet, at, line.number, is_open, radius, look);
            }
        }
    }
}
