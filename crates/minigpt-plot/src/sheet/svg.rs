//! A sheet as SVG. Texts stay texts, so that they can be searched, read aloud and edited.

use std::fmt::Write;

use super::{Anchor, Paint, Place, Shape, Sheet, Stroke, Turn};

/// The font of the PNGs first, then what has letters about as wide.
const FONTS: &str = "'DejaVu Sans', Verdana, 'Bitstream Vera Sans', sans-serif";

pub(super) fn write(sheet: &Sheet) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = document(sheet, &mut out);
    out
}

fn document(sheet: &Sheet, out: &mut String) -> std::fmt::Result {
    let Sheet { width, height, dots_per_inch, .. } = sheet;
    let millimetres = |pixels: u32| number(f64::from(pixels) / dots_per_inch * 25.4);
    let title = escaped(&sheet.title);
    writeln!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{}mm" height="{}mm" viewBox="0 0 {width} {height}" role="img" font-family="{FONTS}">"#,
        millimetres(*width),
        millimetres(*height),
    )?;
    writeln!(out, "<title>{title}</title>")?;
    let background = hex(sheet.background.into());
    writeln!(out, r#"<rect width="{width}" height="{height}" fill="{background}"/>"#)?;
    for shape in &sheet.shapes {
        one(shape, out)?;
    }
    writeln!(out, "</svg>")
}

fn one(shape: &Shape, out: &mut String) -> std::fmt::Result {
    match shape {
        Shape::Path { points, stroke } => {
            let (points, stroke) = (list(points), stroke_of(stroke));
            writeln!(out, r#"<polyline points="{points}" fill="none"{stroke}/>"#)
        }
        Shape::Area { points, paint } => {
            writeln!(out, r#"<polygon points="{}"{}/>"#, list(points), fill(*paint))
        }
        Shape::Circle { middle, radius, paint } => {
            let place = circle(*middle, *radius);
            writeln!(out, "<circle{place}{}/>", fill(*paint))
        }
        Shape::Ring { middle, radius, stroke } => {
            let place = circle(*middle, *radius);
            writeln!(out, r#"<circle{place} fill="none"{}/>"#, stroke_of(stroke))
        }
        Shape::Text { text, at, letters } => {
            let (x, y) = (number(at.0), number(at.1));
            let anchor = match letters.anchor {
                Anchor::Start => "",
                Anchor::Middle => r#" text-anchor="middle""#,
                Anchor::End => r#" text-anchor="end""#,
            };
            let turn = match letters.turn {
                Turn::None => String::new(),
                Turn::Down => format!(r#" transform="rotate(90 {x} {y})""#),
                Turn::Up => format!(r#" transform="rotate(-90 {x} {y})""#),
            };
            let (size, fill) = (number(letters.size), fill(letters.paint));
            let text = escaped(text);
            writeln!(
                out,
                r#"<text x="{x}" y="{y}" font-size="{size}"{anchor}{turn}{fill}>{text}</text>"#
            )
        }
    }
}

fn list(points: &[Place]) -> String {
    let mut list = String::new();
    for (index, (x, y)) in points.iter().enumerate() {
        let space = if index == 0 { "" } else { " " };
        let _ = write!(list, "{space}{},{}", number(*x), number(*y));
    }
    list
}

fn circle((x, y): Place, radius: f64) -> String {
    format!(r#" cx="{}" cy="{}" r="{}""#, number(x), number(y), number(radius))
}

fn fill(paint: Paint) -> String {
    format!(r#" fill="{}"{}"#, hex(paint), opacity("fill", paint))
}

fn stroke_of(stroke: &Stroke) -> String {
    let Stroke { paint, width, dash } = *stroke;
    let mut text = format!(
        r#" stroke="{}" stroke-width="{}" stroke-linejoin="round"{}"#,
        hex(paint),
        number(width),
        opacity("stroke", paint)
    );
    if !dash.is_empty() {
        let dash: Vec<String> = dash.iter().map(|part| number(part * width)).collect();
        let _ = write!(text, r#" stroke-dasharray="{}""#, dash.join(" "));
    }
    text
}

fn opacity(of: &str, paint: Paint) -> String {
    if paint.opacity < 1.0 {
        format!(r#" {of}-opacity="{}""#, (paint.opacity * 1e3).round() / 1e3)
    } else {
        String::new()
    }
}

fn hex(paint: Paint) -> String {
    let colour = paint.colour;
    format!("#{:02X}{:02X}{:02X}", colour.0, colour.1, colour.2)
}

/// A tenth of a pixel is finer than any paper shows.
fn number(value: f64) -> String {
    let rounded = (value * 10.0).round() / 10.0;
    // No `-0`.
    format!("{}", rounded + 0.0)
}

/// What XML cannot have at all becomes U+FFFD.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\u{FFFE}' | '\u{FFFF}' => escaped.push('\u{FFFD}'),
            other if other.is_control() => escaped.push('\u{FFFD}'),
            other => escaped.push(other),
        }
    }
    escaped
}
