//! The versions of a screen's lines as an animated SVG, in which each version is shown for its time.
//!
//! CSS alone animates it: where that is off, as for people who ask for less motion, the last frame stands.

use std::fmt::Write as _;

use super::screen::{Cell, Screen, Style, Version};

/// Width and height of a letter, and its size, in pixels.
const WIDTH: f64 = 8.0;
const HEIGHT: f64 = 18.0;
const SIZE: f64 = 13.3;
const MARGIN: f64 = 14.0;
/// Height of the window's title.
const TITLE: f64 = 30.0;
/// A terminal's 16 colours on a dark background.
const COLOURS: [&str; 16] = [
    "#6e7681", "#ff7b72", "#3fb950", "#d29922", "#58a6ff", "#bc8cff", "#39c5cf", "#b1bac4",
    "#8b949e", "#ffa198", "#56d364", "#e3b341", "#79c0ff", "#d2a8ff", "#56d4dd", "#f0f6fc",
];

/// The picture of `seconds` with the last `rows` lines of the screen, under a title.
pub(super) fn picture(screen: &Screen, rows: usize, seconds: f64, title: &str) -> String {
    let columns = screen.versions().iter().flatten().map(|version| version.cells.len()).max();
    let width = columns.unwrap_or(0) as f64 * WIDTH + 2.0 * MARGIN;
    let inside = rows as f64 * HEIGHT;
    let (height, right) = (inside + TITLE + MARGIN, width - MARGIN);
    let (frames, lines) = lines(screen, seconds);
    let (scrolling, last) = scrolling(screen, rows, seconds);
    let title = escaped(title);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\">\n<style>\n\
         text{{font:{SIZE}px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#c9d1d9;\
         white-space:pre}}\n\
         g{{animation:{seconds}s step-end infinite}}\n\
         .h{{visibility:hidden}}\n.b{{font-weight:bold;fill:#f0f6fc}}\n\
         #s{{transform:translateY(-{last}px);animation-name:s}}\n\
         {scrolling}{frames}\
         @media (prefers-reduced-motion:reduce){{g,#s{{animation:none!important}}}}\n</style>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#0d1117\"/>\n\
         <circle cx=\"18\" cy=\"15\" r=\"5\" fill=\"#ff5f57\"/>\
         <circle cx=\"35\" cy=\"15\" r=\"5\" fill=\"#febc2e\"/>\
         <circle cx=\"52\" cy=\"15\" r=\"5\" fill=\"#28c840\"/>\n\
         <text x=\"{right}\" y=\"19\" text-anchor=\"end\" fill-opacity=\".6\">{title}</text>\n\
         <clipPath id=\"c\"><rect y=\"{TITLE}\" width=\"{width}\" height=\"{inside}\"/></clipPath>\n\
         <g clip-path=\"url(#c)\"><g id=\"s\">\n{lines}</g></g>\n</svg>\n"
    )
}

/// When each version of each line is shown, and the versions.
fn lines(screen: &Screen, seconds: f64) -> (String, String) {
    let (mut frames, mut lines) = (String::new(), String::new());
    let mut number = 0;
    for (row, versions) in screen.versions().iter().enumerate() {
        for (index, version) in versions.iter().enumerate() {
            let drawn = line(version, row);
            if drawn.is_empty() {
                continue;
            }
            let from = percent(version.from, seconds);
            let end = versions.get(index + 1).map(|next| percent(next.from, seconds));
            let hidden = if end.is_some() { " class=\"h\"" } else { "" };
            let end = end.map(|end| format!("{end}{{visibility:hidden}}")).unwrap_or_default();
            let _ = writeln!(
                frames,
                "@keyframes v{number}{{0%{{visibility:hidden}}{from}{{visibility:visible}}{end}}}"
            );
            let _ = writeln!(lines, "<g{hidden} style=\"animation-name:v{number}\">{drawn}</g>");
            number += 1;
        }
    }
    (frames, lines)
}

/// When lines are moved up, and how far at the end, in pixels.
fn scrolling(screen: &Screen, rows: usize, seconds: f64) -> (String, f64) {
    let mut frames = "@keyframes s{0%{transform:none}".to_owned();
    let mut last = 0.0;
    for (time, height) in screen.heights() {
        let top = height.saturating_sub(rows) as f64 * HEIGHT;
        if top != last {
            let time = percent(*time, seconds);
            let _ = write!(frames, "{time}{{transform:translateY(-{top}px)}}");
            last = top;
        }
    }
    frames.push_str("}\n");
    (frames, last)
}

fn percent(time: f64, seconds: f64) -> String {
    format!("{:.2}%", 100.0 * time / seconds)
}

/// A version's letters as texts, and those of a progress bar as bars.
fn line(version: &Version, row: usize) -> String {
    let top = TITLE + row as f64 * HEIGHT;
    let mut drawn = String::new();
    let mut start = 0;
    for part in version.cells.chunk_by(|a, b| a.style == b.style && opacity(a) == opacity(b)) {
        let column = start;
        start += part.len();
        let Style { colour, bold } = part[0].style;
        let fill = colour.map(|colour| COLOURS[usize::from(colour)]);
        if let Some(opacity) = opacity(&part[0]) {
            let _ = write!(
                drawn,
                "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\" opacity=\"{opacity}\"/>",
                MARGIN + column as f64 * WIDTH,
                top + 4.0,
                part.len() as f64 * WIDTH,
                HEIGHT - 8.0,
                fill.unwrap_or("#58a6ff"),
            );
            continue;
        }
        let text: String = part.iter().map(|cell| cell.letter).collect();
        let indent = text.chars().take_while(|letter| *letter == ' ').count();
        let text = text.trim_matches(' ');
        if text.is_empty() {
            continue;
        }
        let fill = fill.map(|fill| format!(" style=\"fill:{fill}\"")).unwrap_or_default();
        let bold = if bold { " class=\"b\"" } else { "" };
        let _ = write!(
            drawn,
            "<text x=\"{}\" y=\"{}\" textLength=\"{}\"{bold}{fill}>{}</text>",
            MARGIN + (column + indent) as f64 * WIDTH,
            top + 13.0,
            text.chars().count() as f64 * WIDTH,
            escaped(text)
        );
    }
    drawn
}

/// How opaque the bar is that is drawn instead of a letter of a progress bar.
fn opacity(cell: &Cell) -> Option<f64> {
    match cell.letter {
        '█' => Some(1.0),
        '░' => Some(0.2),
        _ => None,
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests;
