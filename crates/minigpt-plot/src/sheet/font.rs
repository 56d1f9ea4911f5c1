//! The embedded font: how wide texts are, and their pixels.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, Glyph, OutlinedGlyph, PxScale, ScaleFont, point};

pub(super) const BYTES: &[u8] = include_bytes!("../../assets/DejaVuSans-subset.ttf");

/// The bytes are fixed at build time and every test that draws reads them; a font that cannot be read draws nothing.
static FONT: LazyLock<Option<FontRef<'static>>> =
    LazyLock::new(|| FontRef::try_from_slice(BYTES).ok());

/// Heights of the font over its em: plotters' sizes are heights.
pub(super) fn height_per_em() -> f64 {
    let font = FONT.as_ref();
    let ratio = font.and_then(|font| Some(font.height_unscaled() / font.units_per_em()?));
    ratio.map_or(1.164, f64::from)
}

/// Pixels from the start of a text to its end, in letters whose em has `size` pixels.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    f64::from(layout(text, size).1)
}

/// The letters with pixels, from a text that starts at 0 on the line at 0.
pub(super) fn outlines(text: &str, size: f64) -> Vec<OutlinedGlyph> {
    let Some(font) = FONT.as_ref() else { return Vec::new() };
    layout(text, size).0.into_iter().filter_map(|glyph| font.outline_glyph(glyph)).collect()
}

fn layout(text: &str, size: f64) -> (Vec<Glyph>, f32) {
    let Some(font) = FONT.as_ref() else { return (Vec::new(), 0.0) };
    let scale = PxScale::from((size * height_per_em()) as f32);
    let font = font.as_scaled(scale);
    let (mut glyphs, mut x, mut last) = (Vec::new(), 0.0, None);
    for character in text.chars() {
        let id = font.glyph_id(character);
        x += last.map_or(0.0, |last| font.kern(last, id));
        glyphs.push(id.with_scale_and_position(scale, point(x, 0.0)));
        x += font.h_advance(id);
        last = Some(id);
    }
    (glyphs, x)
}
