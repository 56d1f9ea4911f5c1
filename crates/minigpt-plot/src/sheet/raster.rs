//! A sheet as PNG. Every shape becomes outlines, and a pixel takes as much of a colour as they cover of it.

use std::f64::consts::TAU;

use ab_glyph_rasterizer::{Rasterizer, point};

use super::{Anchor, Colour, Letters, Paint, Place, Shape, Sheet, Stroke, Turn, font};
use crate::error::PlotError;

pub(super) fn png(sheet: &Sheet) -> Result<Vec<u8>, PlotError> {
    let mut canvas = Canvas::new(sheet.width, sheet.height, sheet.background);
    for shape in &sheet.shapes {
        canvas.draw(shape);
    }
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, sheet.width, sheet.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::High);
    // Much of a picture is alike from pixel to pixel, which other filters hide.
    encoder.set_filter(png::Filter::NoFilter);
    let per_metre = (sheet.dots_per_inch / 0.0254).round() as u32;
    encoder.set_pixel_dims(Some(png::PixelDimensions {
        xppu: per_metre,
        yppu: per_metre,
        unit: png::Unit::Meter,
    }));
    let mut writer = encoder.write_header().map_err(std::io::Error::other)?;
    writer.write_image_data(&canvas.pixels).map_err(std::io::Error::other)?;
    writer.finish().map_err(std::io::Error::other)?;
    Ok(bytes)
}

struct Canvas {
    width: i64,
    height: i64,
    pixels: Vec<u8>,
    rasterizer: Rasterizer,
}

impl Canvas {
    fn new(width: u32, height: u32, background: Colour) -> Self {
        let Colour(red, green, blue) = background;
        let pixels = [red, green, blue].repeat(width as usize * height as usize);
        let (width, height) = (i64::from(width), i64::from(height));
        Self { width, height, pixels, rasterizer: Rasterizer::new(0, 0) }
    }

    fn draw(&mut self, shape: &Shape) {
        match shape {
            Shape::Path { points, stroke } => self.cover(&stroked(points, stroke), stroke.paint),
            Shape::Area { points, paint } => self.cover(std::slice::from_ref(points), *paint),
            Shape::Circle { middle, radius, paint } => {
                self.cover(&[disc(*middle, *radius)], *paint);
            }
            Shape::Ring { middle, radius, stroke } => {
                let inner = disc(*middle, (radius - stroke.width / 2.0).max(0.0));
                let outer = disc(*middle, radius + stroke.width / 2.0);
                // Turned the other way it is a hole.
                self.cover(&[outer, inner.into_iter().rev().collect()], stroke.paint);
            }
            Shape::Text { text, at, letters } => self.write(text, *at, letters),
        }
    }

    /// Fills closed outlines, which all turn the same way but for holes.
    fn cover(&mut self, outlines: &[Vec<Place>], paint: Paint) {
        let places = || outlines.iter().flatten().copied();
        if places().any(|(x, y)| !x.is_finite() || !y.is_finite()) {
            return;
        }
        let within = |at: f64, most: i64| (at as i64).clamp(-1, most + 1);
        let least = |of: fn(Place) -> f64| places().map(of).fold(f64::INFINITY, f64::min).floor();
        let most = |of: fn(Place) -> f64| places().map(of).fold(f64::NEG_INFINITY, f64::max).ceil();
        let left = within(least(|at| at.0), self.width);
        let top = within(least(|at| at.1), self.height);
        let right = within(most(|at| at.0), self.width);
        let bottom = within(most(|at| at.1), self.height);
        if left >= right || top >= bottom {
            return;
        }
        let mut rasterizer = std::mem::replace(&mut self.rasterizer, Rasterizer::new(0, 0));
        rasterizer.reset((right - left + 1) as usize, (bottom - top + 1) as usize);
        let local = |(x, y): Place| {
            let x = x.clamp(left as f64, right as f64) - left as f64;
            let y = y.clamp(top as f64, bottom as f64) - top as f64;
            point(x as f32, y as f32)
        };
        for outline in outlines {
            for (from, to) in outline.iter().zip(outline.iter().cycle().skip(1)) {
                rasterizer.draw_line(local(*from), local(*to));
            }
        }
        rasterizer.for_each_pixel_2d(|x, y, covered| {
            self.blend(left + i64::from(x), top + i64::from(y), covered, paint);
        });
        self.rasterizer = rasterizer;
    }

    fn write(&mut self, text: &str, at: Place, letters: &Letters) {
        let width = font::width(text, letters.size);
        let before = match letters.anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => width / 2.0,
            Anchor::End => width,
        };
        let shift = before.round() as i64;
        let (x, y) = (at.0.round() as i64, at.1.round() as i64);
        for glyph in font::outlines(text, letters.size) {
            let bounds = glyph.px_bounds();
            let (left, top) = (bounds.min.x as i64 - shift, bounds.min.y as i64);
            glyph.draw(|right, down, covered| {
                let (along, below) = (left + i64::from(right), top + i64::from(down));
                let (x, y) = match letters.turn {
                    Turn::None => (x + along, y + below),
                    Turn::Down => (x - below - 1, y + along),
                    Turn::Up => (x + below, y - along - 1),
                };
                self.blend(x, y, covered, letters.paint);
            });
        }
    }

    fn blend(&mut self, x: i64, y: i64, covered: f32, paint: Paint) {
        // An edge of so many steps looks smooth, and the file is a third smaller than with all that there are.
        const STEPS: f32 = 16.0;
        let part = f64::from((covered.min(1.0) * STEPS).round() / STEPS) * paint.opacity;
        let is_seen = part > 0.0 && (0..self.width).contains(&x) && (0..self.height).contains(&y);
        if !is_seen {
            return;
        }
        let first = 3 * (y * self.width + x) as usize;
        let Colour(red, green, blue) = paint.colour;
        for (pixel, colour) in self.pixels[first..first + 3].iter_mut().zip([red, green, blue]) {
            let mixed = f64::from(*pixel) + (f64::from(colour) - f64::from(*pixel)) * part;
            *pixel = mixed.round() as u8;
        }
    }
}

/// A circle as a polygon, turning as the parts of a line do.
fn disc((x, y): Place, radius: f64) -> Vec<Place> {
    let corners = (radius * 4.0).clamp(8.0, 96.0) as usize;
    let corner = |index: usize| {
        let angle = -TAU * index as f64 / corners as f64;
        (x + radius * angle.cos(), y + radius * angle.sin())
    };
    (0..corners).map(corner).collect()
}

/// The outlines of a line: a rectangle for each part, and what is missing between them at the outside of a corner.
fn stroked(points: &[Place], stroke: &Stroke) -> Vec<Vec<Place>> {
    let half = stroke.width / 2.0;
    let mut outlines = Vec::new();
    for mut points in dashes(points, stroke) {
        points.dedup();
        let mut last: Option<Place> = None;
        for (from, to) in points.iter().zip(points.iter().skip(1)) {
            let (along, down) = (to.0 - from.0, to.1 - from.1);
            let length = along.hypot(down);
            // From the middle of the line to its edge.
            let edge = (-down / length * half, along / length * half);
            outlines.push(vec![
                (from.0 + edge.0, from.1 + edge.1),
                (to.0 + edge.0, to.1 + edge.1),
                (to.0 - edge.0, to.1 - edge.1),
                (from.0 - edge.0, from.1 - edge.1),
            ]);
            outlines.extend(last.map(|last| corner(*from, last, edge)));
            last = Some(edge);
        }
    }
    outlines
}

/// The triangle at the outside of a corner between two parts of a line with these edges.
fn corner((x, y): Place, before: Place, after: Place) -> Vec<Place> {
    let turns_right = before.0 * after.1 - before.1 * after.0 > 0.0;
    let (first, second) =
        if turns_right { ((-after.0, -after.1), (-before.0, -before.1)) } else { (before, after) };
    vec![(x, y), (x + first.0, y + first.1), (x + second.0, y + second.1)]
}

/// The parts of a line between its gaps.
fn dashes(points: &[Place], stroke: &Stroke) -> Vec<Vec<Place>> {
    let lengths: Vec<f64> = stroke.dash.iter().map(|part| part * stroke.width).collect();
    if lengths.iter().sum::<f64>() <= 0.0 {
        return vec![points.to_vec()];
    }
    let (mut parts, mut part) = (Vec::new(), points.first().map_or(Vec::new(), |at| vec![*at]));
    let (mut index, mut left) = (0, lengths[0]);
    for (from, to) in points.iter().zip(points.iter().skip(1)) {
        let whole = (to.0 - from.0).hypot(to.1 - from.1);
        let mut done = 0.0;
        while whole - done > left {
            done += left;
            let share = done / whole;
            let at = (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share);
            part.push(at);
            if index % 2 == 0 {
                parts.push(std::mem::take(&mut part));
            }
            part = vec![at];
            index = (index + 1) % lengths.len();
            left = lengths[index];
        }
        left -= whole - done;
        part.push(*to);
    }
    if index % 2 == 0 && part.len() > 1 {
        parts.push(part);
    }
    parts
}
