//! Perplexities of several models as bars.

use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::chart::{Area, COLOURS, DrawError, FONT, use_embedded_font};
use super::save;
use crate::bootstrap::Measured;
use crate::comparison::{ComparedModel, Metric, Quoted};
use crate::error::TrainError;

const WIDTH: u32 = 1800;
/// Pixels of a bar with the space around it.
const ROW: u32 = 44;
/// Pixels of title, captions and axis names.
const FRAME: u32 = 190;
/// Pixels for names at the left, and for values after the longest bar.
const NAMES: i32 = 250;
const VALUES: i32 = 260;

/// Draws token and word perplexity of the models side by side, with their intervals; quoted figures
/// are pale and stand below. The ending of `path`, `.png` or `.svg`, decides the format.
///
/// # Errors
/// [`TrainError::PictureFormat`], [`TrainError::Plot`] or [`TrainError::Io`].
pub fn draw_comparison(
    path: &Path,
    title: &str,
    models: &[ComparedModel],
    quoted: &[Quoted],
) -> Result<(), TrainError> {
    let panels = [
        Panel::new("Perplexity per token", models, quoted, Metric::Token),
        Panel::new("Perplexity per word", models, quoted, Metric::Word),
    ];
    let rows = panels.iter().map(|panel| panel.bars.len()).max().unwrap_or(0) as u32;
    save(path, (WIDTH, FRAME + rows * ROW), &Figure { title, panels })
}

struct Figure<'a> {
    title: &'a str,
    panels: [Panel; 2],
}

struct Panel {
    caption: &'static str,
    bars: Vec<Bar>,
}

struct Bar {
    name: String,
    value: f64,
    interval: Option<(f64, f64)>,
    label: String,
    is_quoted: bool,
}

impl Panel {
    fn new(
        caption: &'static str,
        models: &[ComparedModel],
        quoted: &[Quoted],
        metric: Metric,
    ) -> Self {
        let measured = |model: &ComparedModel| match metric {
            Metric::Token => Some(model.token_perplexity),
            Metric::Word => model.word_perplexity,
        };
        let bar = |model: &ComparedModel| Some(Bar::measured(&model.model, measured(model)?));
        let mut bars: Vec<Bar> = models.iter().filter_map(bar).collect();
        bars.extend(quoted.iter().filter(|row| row.metric == metric).map(Bar::quoted));
        Self { caption, bars }
    }
}

impl Panel {
    fn remark(&self) -> &'static str {
        if self.bars.iter().any(|bar| bar.is_quoted) {
            "logarithmic; lower is better; pale: quoted, on other texts and by other protocols"
        } else {
            "logarithmic; lower is better"
        }
    }
}

impl Bar {
    fn measured(name: &str, measured: Measured) -> Self {
        let Measured { value, low, high } = measured;
        let (name, label) = (name.to_owned(), perplexity(value));
        Self { name, value, interval: low.zip(high), label, is_quoted: false }
    }

    fn quoted(row: &Quoted) -> Self {
        let label = if row.low == row.high {
            format!("{} ({})", row.low, row.by)
        } else {
            format!("{}–{} ({})", row.low, row.high, row.by)
        };
        let interval = (row.low != row.high).then_some((row.low, row.high));
        let value = (row.low * row.high).sqrt();
        Self { name: row.model.to_owned(), value, interval, label, is_quoted: true }
    }
}

/// With as many digits as are worth reading.
fn perplexity(value: f64) -> String {
    match value {
        ..100.0 => format!("{value:.2}"),
        ..10_000.0 => format!("{value:.1}"),
        _ => format!("{value:.2e}"),
    }
}

impl super::Picture for Figure<'_> {
    fn paint<DB: DrawingBackend>(&self, root: &Area<DB>) -> Result<(), DrawError<DB>> {
        use_embedded_font();
        root.fill(&WHITE)?;
        let area = root.margin(16, 8, 8, 24).titled(self.title, (FONT, 34))?;
        let areas = area.split_evenly((1, 2));
        areas.iter().zip(&self.panels).try_for_each(|(area, panel)| draw_panel(area, panel))
    }
}

fn draw_panel<DB: DrawingBackend>(area: &Area<DB>, panel: &Panel) -> Result<(), DrawError<DB>> {
    let values = panel.bars.iter().flat_map(|bar| {
        let (low, high) = bar.interval.unwrap_or((bar.value, bar.value));
        [low, high, bar.value]
    });
    let finite: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    let low = finite.iter().copied().fold(f64::INFINITY, f64::min);
    let high = finite.iter().copied().fold(1.0, f64::max);
    // From a power of ten below the smallest, so that a bar's length does not exaggerate.
    let start = 10f64.powf((low.min(high).max(1.0).log10() - 0.3).floor().max(0.0));
    let width = area.dim_in_pixel().0 as i32 - NAMES - VALUES;
    let place = |value: f64| {
        let part = (value / start).ln() / (high * 1.02 / start).ln().max(1e-9);
        NAMES + (part.clamp(0.0, 1.0) * f64::from(width)) as i32
    };
    let caption = (FONT, 26).into_font().color(&BLACK);
    area.draw(&Text::new(panel.caption, (NAMES, 16), caption))?;
    let bottom = 64 + (panel.bars.len() as u32 * ROW) as i32;
    let grey = (FONT, 18).into_font().color(&BLACK.mix(0.7));
    for tick in ticks(start, high) {
        let x = place(tick);
        area.draw(&PathElement::new([(x, 56), (x, bottom)], BLACK.mix(0.15)))?;
        let style = grey.pos(Pos::new(HPos::Center, VPos::Top));
        let name = if tick < 1e5 { format!("{tick}") } else { format!("{tick:.0e}") };
        area.draw(&Text::new(name, (x, bottom + 6), style))?;
    }
    let style = grey.pos(Pos::new(HPos::Left, VPos::Top));
    area.draw(&Text::new(panel.remark(), (NAMES, bottom + 34), style))?;
    panel
        .bars
        .iter()
        .enumerate()
        .try_for_each(|(index, bar)| draw_bar(area, bar, 64 + (index as u32 * ROW) as i32, &place))
}

/// The powers of ten in a range, with 2 and 5 times them where there is room.
fn ticks(start: f64, end: f64) -> Vec<f64> {
    let is_wide = end / start > 1e3;
    let steps: &[f64] = if is_wide { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let ticks = (0..300).flat_map(|power| steps.iter().map(move |step| step * 10f64.powi(power)));
    let ticks: Vec<f64> = ticks.filter(|tick| (start..=end).contains(tick)).collect();
    let every = ticks.len().div_ceil(9).max(1);
    ticks.into_iter().step_by(every).collect()
}

fn draw_bar<DB: DrawingBackend>(
    area: &Area<DB>,
    bar: &Bar,
    top: i32,
    place: &impl Fn(f64) -> i32,
) -> Result<(), DrawError<DB>> {
    let (middle, bottom) = (top + ROW as i32 / 2 - 4, top + ROW as i32 - 10);
    let text = (FONT, 20).into_font().color(&BLACK);
    let beside = text.pos(Pos::new(HPos::Right, VPos::Center));
    area.draw(&Text::new(shortened(&bar.name), (NAMES - 10, middle), beside))?;
    let colour = if bar.is_quoted { COLOURS[0].mix(0.3) } else { COLOURS[0].mix(1.0) };
    let end = place(bar.value);
    area.draw(&Rectangle::new([(NAMES, top), (end, bottom)], colour.filled()))?;
    let mut last = end;
    if let Some((low, high)) = bar.interval {
        let (low, high) = (place(low), place(high));
        area.draw(&PathElement::new([(low, middle), (high, middle)], BLACK.stroke_width(2)))?;
        for x in [low, high] {
            area.draw(&PathElement::new(
                [(x, middle - 7), (x, middle + 7)],
                BLACK.stroke_width(2),
            ))?;
        }
        last = last.max(high);
    }
    let after = text.pos(Pos::new(HPos::Left, VPos::Center));
    area.draw(&Text::new(bar.label.clone(), (last + 10, middle), after))
}

/// The end of a name that is too long: the end tells runs apart.
fn shortened(name: &str) -> String {
    const MOST: usize = 20;
    let length = name.chars().count();
    if length <= MOST {
        return name.to_owned();
    }
    std::iter::once('…').chain(name.chars().skip(length + 1 - MOST)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::QUOTED;
    use crate::protocol::Protocol;

    #[test]
    fn the_picture_has_every_bar_and_marks_what_is_quoted() {
        let measured = |value| Measured { value, low: Some(value * 0.9), high: Some(value * 1.1) };
        let model = ComparedModel {
            model: "runs/a-name-that-is-much-too-long".to_owned(),
            parameters: 1_000_000,
            protocol: Protocol::disjoint(64),
            token_perplexity: measured(85.9),
            word_perplexity: Some(measured(220.4)),
            bits_per_byte: measured(1.4),
            training: None,
            tokens_per_second: 1e4,
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("compared.svg");
        draw_comparison(&path, "a title", &[model], &QUOTED).unwrap();
        let text = fs_err::read_to_string(&path).unwrap();
        for part in ["a title", "85.90", "220.4", "29.41 (paper)", "35–45 (article)", "…"] {
            assert!(text.contains(part), "no {part}");
        }
        assert_eq!(text.matches("(paper)").count(), 4);
        assert_eq!(text.matches("pale: quoted").count(), 2);
    }

    #[test]
    fn there_are_never_too_many_ticks() {
        assert_eq!(ticks(10.0, 60.0), [10.0, 20.0, 50.0]);
        for end in [1.5, 60.0, 999.0, 1e6, 1e25] {
            let ticks = ticks(1.0, end);
            assert!((1..=9).contains(&ticks.len()), "{ticks:?}");
        }
    }
}
