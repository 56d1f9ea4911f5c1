//! Time and memory of a step against vocabulary, context and width.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

use super::Measured;
use super::program::{Figures, Program};
use super::shapes::{SMALL, Shape};

pub(super) const FONT: &str = "sans-serif";
const WIDTH: u32 = 1800;
const HEIGHT: u32 = 1000;

/// Okabe and Ito's colours, as in the curves of a run.
pub(super) const COLOURS: [RGBColor; 4] =
    [RGBColor(0, 114, 178), RGBColor(213, 94, 0), RGBColor(0, 158, 115), RGBColor(204, 121, 167)];

/// What changes from left to right, and how to read it from a shape.
type Size = (&'static str, fn(&mut Shape) -> &mut usize);

const SIZES: [Size; 3] = [
    ("vocabulary", |shape| &mut shape.vocab),
    ("context", |shape| &mut shape.context),
    ("width", |shape| &mut shape.width),
];

/// A quantity on the vertical axis.
type Quantity = (&'static str, fn(&Figures) -> Option<f64>);

const QUANTITIES: [Quantity; 2] = [
    ("milliseconds a step", |figures| Some(1e3 * figures.seconds_per_step)),
    ("peak memory, MiB", |figures| figures.peak_memory),
];

pub(super) type Area<'a> = DrawingArea<BitMapBackend<'a>, plotters::coord::Shift>;

/// Points that belong together.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

pub(crate) fn draw(measured: &[Measured], path: &Path) -> Result<()> {
    picture(path, (WIDTH, HEIGHT), |root| {
        let areas = root.margin(10, 10, 10, 30).split_evenly((QUANTITIES.len(), SIZES.len()));
        for (row, quantity) in QUANTITIES.into_iter().enumerate() {
            for (column, size) in SIZES.into_iter().enumerate() {
                panel(&areas[row * SIZES.len() + column], measured, size, quantity)?;
            }
        }
        Ok(())
    })
}

/// Writes a PNG of what `paint` draws.
pub(crate) fn picture(
    path: &Path,
    (width, height): (u32, u32),
    paint: impl FnOnce(&Area<'_>) -> Result<()>,
) -> Result<()> {
    // plotters is built without the system's fonts.
    let font = include_bytes!("../../../crates/minigpt-plot/assets/DejaVuSans-subset.ttf");
    register_font(FONT, FontStyle::Normal, font).map_err(|_| anyhow!("the font is damaged"))?;
    let mut pixels = vec![0; 3 * (width * height) as usize];
    {
        let root = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
        root.fill(&WHITE)?;
        paint(&root)?;
        root.present()?;
    }
    let mut encoder = png::Encoder::new(fs_err::File::create(path)?, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixels)?;
    writer.finish()?;
    Ok(())
}

fn panel(area: &Area<'_>, measured: &[Measured], size: Size, quantity: Quantity) -> Result<()> {
    let lines = Program::few(true).into_iter().map(|program| Line {
        name: program.to_string(),
        points: line(measured, program, size, quantity),
    });
    chart(area, size.0, quantity.0, &lines.collect::<Vec<_>>())
}

/// Lines with marks, from zero on.
pub(crate) fn chart(area: &Area<'_>, x_name: &str, y_name: &str, lines: &[Line]) -> Result<()> {
    let points = || lines.iter().flat_map(|line| &line.points);
    let most = |axis: fn(&(f64, f64)) -> f64| points().map(axis).fold(0.0, f64::max);
    let (x, y) = (1.05 * most(|point| point.0), 1.1 * most(|point| point.1));
    let mut chart = ChartBuilder::on(area)
        .margin(16)
        .x_label_area_size(56)
        .y_label_area_size(90)
        .build_cartesian_2d(0.0..x, 0.0..y)?;
    chart
        .configure_mesh()
        .x_desc(x_name)
        .y_desc(y_name)
        .label_style((FONT, 18))
        .axis_desc_style((FONT, 20))
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12))
        // Few enough for the widest, 50000.
        .x_labels(6)
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{y:.0}"))
        .draw()?;
    let drawn = lines.iter().zip(COLOURS).filter(|(line, _)| !line.points.is_empty());
    for (line, colour) in drawn {
        let marks = line.points.iter().map(|point| Circle::new(*point, 5, colour.filled()));
        chart.draw_series(marks)?;
        chart
            .draw_series(LineSeries::new(line.points.iter().copied(), colour.stroke_width(3)))?
            .label(line.name.clone())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 28, y)], colour.stroke_width(3)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .label_font((FONT, 18))
        .background_style(WHITE.mix(0.8))
        .draw()?;
    Ok(())
}

/// The points of one program in the shapes that differ from the small one in this size alone.
fn line(
    measured: &[Measured],
    program: Program,
    (_, size): Size,
    (_, quantity): Quantity,
) -> Vec<(f64, f64)> {
    let mut points: Vec<(f64, f64)> = measured
        .iter()
        .filter_map(|one| {
            let mut shape = one.shape;
            let x = *size(&mut shape);
            *size(&mut shape) = *size(&mut SMALL.clone());
            let timed = one.programs.iter().find(|timed| timed.program == program)?;
            (shape == SMALL).then_some((x as f64, quantity(&timed.figures)?))
        })
        .collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points
}
