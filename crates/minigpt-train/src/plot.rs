//! Loss curves as a PNG for a report.

use std::path::Path;
use std::sync::Once;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

use crate::error::TrainError;
use crate::metrics::{Row, Split};
use crate::run::write_atomically;

/// The article's 12 × 5 inches at 150 dots per inch.
const SIZE: (u32, u32) = (1800, 750);
const FONT: &str = "sans-serif";
/// Okabe and Ito's colours, told apart by colour-blind readers too.
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];

/// One run's rows under the name that the legend shows.
#[derive(Clone, Debug)]
pub struct Curve {
    /// Name in the legend.
    pub name: String,
    /// Rows of the run's `metrics.csv`.
    pub rows: Vec<Row>,
}

impl Curve {
    /// `(step, loss)` of all training rows.
    fn train(&self) -> Vec<(f64, f64)> {
        self.points(Split::Train, |row| row.step as f64)
    }

    /// `(x, loss)` of all rows of a split.
    fn points(&self, split: Split, x: impl Fn(&Row) -> f64) -> Vec<(f64, f64)> {
        let rows = self.rows.iter().filter(|row| row.split == split && row.loss.is_finite());
        rows.map(|row| (x(row), row.loss)).collect()
    }
}

/// Draws training loss against steps beside validation loss against passes, one colour per run.
///
/// # Errors
/// [`TrainError::NoMetrics`] without a training row, [`TrainError::Plot`] or [`TrainError::Io`].
pub fn draw_loss_curves(path: &Path, title: &str, curves: &[Curve]) -> Result<(), TrainError> {
    if curves.iter().all(|curve| curve.train().is_empty()) {
        return Err(TrainError::NoMetrics { path: path.to_owned() });
    }
    let mut pixels = vec![0; (SIZE.0 * SIZE.1 * 3) as usize];
    paint(&mut pixels, title, curves)
        .map_err(|reason| TrainError::Plot { path: path.to_owned(), reason })?;
    write_atomically(path, &png(&pixels)?)
}

fn png(pixels: &[u8]) -> Result<Vec<u8>, TrainError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, SIZE.0, SIZE.1);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::High);
    let mut writer = encoder.write_header().map_err(std::io::Error::other)?;
    writer.write_image_data(pixels).map_err(std::io::Error::other)?;
    writer.finish().map_err(std::io::Error::other)?;
    Ok(bytes)
}

fn paint(pixels: &mut [u8], title: &str, curves: &[Curve]) -> Result<(), String> {
    use_embedded_font();
    let root = BitMapBackend::with_buffer(pixels, SIZE).into_drawing_area();
    root.fill(&WHITE).map_err(|error| error.to_string())?;
    let root = root.margin(16, 8, 8, 24);
    let root = root.titled(title, (FONT, 34)).map_err(|error| error.to_string())?;
    let (left, right) = root.split_horizontally(root.dim_in_pixel().0 / 2);
    draw_training(&left, curves).map_err(|error| error.to_string())?;
    draw_validation(&right, curves).map_err(|error| error.to_string())?;
    root.present().map_err(|error| error.to_string())
}

/// plotters is built without the system's fonts, so that nothing need be installed.
fn use_embedded_font() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let font = include_bytes!("../assets/DejaVuSans-subset.ttf");
        for style in [FontStyle::Normal, FontStyle::Bold] {
            // The bytes are fixed at build time and every test that draws reads them.
            let _ = register_font(FONT, style, font);
        }
    });
}

type Area<'a> = DrawingArea<BitMapBackend<'a>, Shift>;
type DrawError<'a> = DrawingAreaErrorKind<<BitMapBackend<'a> as DrawingBackend>::ErrorType>;

fn draw_training<'a>(area: &Area<'a>, curves: &[Curve]) -> Result<(), DrawError<'a>> {
    let step = |row: &Row| row.step as f64;
    let train: Vec<_> = curves.iter().map(Curve::train).collect();
    let valid: Vec<_> = curves.iter().map(|curve| curve.points(Split::Valid, step)).collect();
    let all = || train.iter().chain(&valid).flatten().copied();

    let mut chart = ChartBuilder::on(area)
        .caption("Training loss", (FONT, 26))
        .margin(20)
        .x_label_area_size(60)
        .y_label_area_size(80)
        .build_cartesian_2d(x_range(all()), y_range(all()))?;
    chart
        .configure_mesh()
        .x_desc("step")
        .y_desc("cross-entropy (nats per token)")
        .label_style((FONT, 20))
        .axis_desc_style((FONT, 22))
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12))
        .x_label_formatter(&|step| format!("{step:.0}"))
        .y_label_formatter(&|loss| format!("{loss:.1}"))
        .draw()?;

    for (index, curve) in curves.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        chart.draw_series(LineSeries::new(train[index].clone(), colour.mix(0.25)))?;
        chart
            .draw_series(LineSeries::new(smoothed(&train[index]), colour.stroke_width(3)))?
            .label(format!("{} training, smoothed", curve.name))
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 28, y)], colour.stroke_width(3)));
        chart
            .draw_series(valid[index].iter().map(|at| marker(*at, colour)))?
            .label(format!("{} validation", curve.name))
            .legend(move |(x, y)| marker((x + 14, y), colour));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .label_font((FONT, 20))
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.3))
        .legend_area_size(40)
        .margin(12)
        .draw()
}

fn draw_validation<'a>(area: &Area<'a>, curves: &[Curve]) -> Result<(), DrawError<'a>> {
    let valid: Vec<_> =
        curves.iter().map(|curve| curve.points(Split::Valid, |row| row.passes)).collect();
    let all = || valid.iter().flatten().copied();
    if all().next().is_none() {
        let style = (FONT, 22).into_font().color(&BLACK.mix(0.6));
        return area.draw(&Text::new("no validation yet", (320, 340), style));
    }

    let passes = x_range(all());
    let decimals = if passes.end < 1.0 { 2 } else { 1 };
    let mut chart = ChartBuilder::on(area)
        .caption("Validation loss", (FONT, 26))
        .margin(20)
        .x_label_area_size(60)
        .y_label_area_size(80)
        .build_cartesian_2d(passes, y_range(all()))?;
    chart
        .configure_mesh()
        .x_desc("passes over the training text")
        .y_desc("cross-entropy (nats per token)")
        .label_style((FONT, 20))
        .axis_desc_style((FONT, 22))
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12))
        .x_label_formatter(&|passes| format!("{passes:.decimals$}"))
        .y_label_formatter(&|loss| format!("{loss:.2}"))
        .draw()?;

    for (index, points) in valid.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        chart.draw_series(LineSeries::new(points.clone(), colour.stroke_width(3)))?;
        chart.draw_series(points.iter().map(|at| marker(*at, colour)))?;
        if let Some(last) = points.last() {
            let style = (FONT, 20).into_font().color(&BLACK);
            let label = Text::new(format!("{:.3}", last.1), (-24, -32), style);
            chart.draw_series([EmptyElement::at(*last) + label])?;
        }
    }
    Ok(())
}

fn marker<C>(at: C, colour: RGBColor) -> Circle<C, i32> {
    Circle::new(at, 6, colour.filled())
}

/// A running mean that forgets at the same rate over the whole width, whatever the run's length;
/// its start is not drawn towards zero ([Kingma and Ba, 2015](https://arxiv.org/abs/1412.6980),
/// section 3, on bias correction).
fn smoothed(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let keep = 1.0 - 1.0 / (points.len() as f64 / 50.0).max(1.0);
    let (mut mean, mut weight) = (0.0, 0.0);
    let smooth = |&(x, y): &(f64, f64)| {
        mean = keep * mean + (1.0 - keep) * y;
        weight = keep * weight + (1.0 - keep);
        (x, mean / weight)
    };
    points.iter().map(smooth).collect()
}

fn x_range(points: impl Iterator<Item = (f64, f64)>) -> std::ops::Range<f64> {
    0.0..points.map(|(x, _)| x).fold(0.0, f64::max) * 1.04 + 1e-9
}

fn y_range(points: impl Iterator<Item = (f64, f64)> + Clone) -> std::ops::Range<f64> {
    let low = points.clone().map(|(_, y)| y).fold(f64::INFINITY, f64::min);
    let high = points.map(|(_, y)| y).fold(f64::NEG_INFINITY, f64::max);
    let margin = ((high - low) * 0.08).max(0.05);
    low - margin..high + margin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoothing_keeps_a_constant_and_starts_at_the_first_point() {
        let flat: Vec<_> = (0..500).map(|x| (f64::from(x), 2.5)).collect();
        assert!(smoothed(&flat).iter().all(|(_, y)| (y - 2.5).abs() < 1e-9));
        let noisy: Vec<_> = (0..500).map(|x| (f64::from(x), f64::from(x % 2))).collect();
        let smooth = smoothed(&noisy);
        assert_eq!(smooth[0], noisy[0]);
        assert!(smooth[100..].iter().all(|(_, y)| (y - 0.5).abs() < 0.1));
    }

    fn row(split: Split, step: usize, loss: f64) -> Row {
        Row {
            split,
            step,
            passes: step as f64 / 100.0,
            tokens: 0,
            loss,
            learning_rate: None,
            grad_norm: None,
            tokens_per_second: 0.0,
            seconds: 0.0,
        }
    }

    #[test]
    fn a_picture_holds_the_curves_colours() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("loss.png");
        let mut rows: Vec<_> =
            (1..200).map(|s| row(Split::Train, s, 8.0 / s as f64 + 3.0)).collect();
        rows.push(row(Split::Valid, 100, 3.4));
        rows.push(row(Split::Valid, 200, 3.3));
        let higher = rows.iter().map(|row| Row { loss: row.loss + 1.0, ..row.clone() }).collect();
        let curve = |name: &str, rows| Curve { name: name.to_owned(), rows };
        let curves = [curve("one", rows), curve("two", higher)];
        draw_loss_curves(&path, "two runs", &curves).unwrap();

        let file = std::io::BufReader::new(fs_err::File::open(&path).unwrap());
        let mut reader = png::Decoder::new(file).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), SIZE);
        for RGBColor(r, g, b) in &COLOURS[..2] {
            let found = pixels.chunks_exact(3).filter(|pixel| *pixel == [*r, *g, *b]).count();
            assert!(found > 500, "{found} pixels of colour {r} {g} {b}");
        }
    }

    #[test]
    fn a_run_without_a_step_has_no_picture() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("loss.png");
        let curve = Curve { name: "empty".to_owned(), rows: Vec::new() };
        assert!(matches!(draw_loss_curves(&path, "", &[curve]), Err(TrainError::NoMetrics { .. })));
        assert!(!path.exists());
    }
}
