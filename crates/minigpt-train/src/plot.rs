//! Curves of one run, or of several overlaid, as PNG or SVG for a report.

mod chart;
mod comparison;
mod confusion;
mod heatmap;
mod losses;

use std::path::Path;
use std::str::FromStr;

use plotters::prelude::*;

use crate::error::TrainError;
use crate::metrics::{Row, Split};

pub use comparison::draw_comparison;
pub use confusion::draw_confusion;
pub use heatmap::draw_attention;
pub use losses::draw_losses;

/// The article's 12 × 5 inches at 150 dots per inch.
const SIZE: (u32, u32) = (1800, 750);

/// One run's rows under the name that the legend shows.
#[derive(Clone, Debug)]
pub struct Curve {
    /// Name in the legend.
    pub name: String,
    /// Rows of the run's `metrics.csv`.
    pub rows: Vec<Row>,
}

/// What a picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Training loss beside validation loss, in nats per token.
    Loss,
    /// Validation perplexity per token.
    Perplexity,
    /// Learning rate.
    LearningRate,
    /// Norm of all gradients before clipping.
    GradNorm,
    /// Training tokens per second.
    TokensPerSecond,
}

/// What a picture's horizontal axis counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Optimiser steps.
    Steps,
    /// Training tokens seen.
    Tokens,
    /// Passes over the training text.
    Passes,
    /// Minutes of training, validations included.
    Minutes,
}

impl Quantity {
    /// All there are.
    pub const ALL: [Self; 5] =
        [Self::Loss, Self::Perplexity, Self::LearningRate, Self::GradNorm, Self::TokensPerSecond];

    /// The name that [`FromStr`] takes and that a picture's file has.
    pub fn name(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::Perplexity => "perplexity",
            Self::LearningRate => "learning-rate",
            Self::GradNorm => "grad-norm",
            Self::TokensPerSecond => "tokens-per-second",
        }
    }

    fn panels(self) -> Vec<Panel> {
        const NATS: &str = "cross-entropy (nats per token)";
        let loss = |row: &Row| Some(row.loss);
        let of_training = |caption, unit, value, smooth| Panel {
            caption,
            unit,
            series: vec![Series { label: "", split: Split::Train, value, smooth }],
        };
        let of_validation = |caption, unit, value: Value| {
            let weights = Series { label: "", split: Split::Valid, value, smooth: false };
            let average = Series { label: " average", split: Split::Average, ..weights };
            Panel { caption, unit, series: vec![weights, average] }
        };
        match self {
            Self::Loss => {
                let mut training = of_training("Training loss", NATS, loss, true);
                training.series[0].label = " training, smoothed";
                training.series.push(Series {
                    label: " validation",
                    split: Split::Valid,
                    value: loss,
                    smooth: false,
                });
                vec![training, of_validation("Validation loss", NATS, loss)]
            }
            Self::Perplexity => {
                let perplexity = |row: &Row| Some(row.loss.exp());
                vec![of_validation("Validation perplexity", "perplexity per token", perplexity)]
            }
            Self::LearningRate => {
                vec![of_training("Learning rate", "learning rate", |row| row.learning_rate, false)]
            }
            Self::GradNorm => {
                vec![of_training(
                    "Gradient norm before clipping",
                    "norm",
                    |row| row.grad_norm,
                    true,
                )]
            }
            Self::TokensPerSecond => vec![of_training(
                "Training speed",
                "tokens per second",
                |row| Some(row.tokens_per_second),
                true,
            )],
        }
    }
}

impl Axis {
    fn of(self, row: &Row) -> f64 {
        match self {
            Self::Steps => row.step as f64,
            Self::Tokens => row.tokens as f64,
            Self::Passes => row.passes,
            Self::Minutes => row.seconds / 60.0,
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Self::Steps => "step",
            Self::Tokens => "training tokens",
            Self::Passes => "passes over the training text",
            Self::Minutes => "minutes",
        }
    }
}

impl FromStr for Quantity {
    type Err = TrainError;

    fn from_str(name: &str) -> Result<Self, TrainError> {
        Self::ALL
            .into_iter()
            .find(|quantity| quantity.name() == name)
            .ok_or_else(|| TrainError::UnknownCurve { name: name.to_owned() })
    }
}

impl FromStr for Axis {
    type Err = TrainError;

    fn from_str(name: &str) -> Result<Self, TrainError> {
        match name {
            "steps" => Ok(Self::Steps),
            "tokens" => Ok(Self::Tokens),
            "passes" => Ok(Self::Passes),
            "minutes" => Ok(Self::Minutes),
            _ => Err(TrainError::UnknownAxis { name: name.to_owned() }),
        }
    }
}

type Value = fn(&Row) -> Option<f64>;

/// One coordinate system.
struct Panel {
    caption: &'static str,
    unit: &'static str,
    series: Vec<Series>,
}

/// What a panel draws of each run: training as a line, validations as marked points.
struct Series {
    /// Said after the run's name.
    label: &'static str,
    split: Split,
    value: Value,
    /// Whether a running mean goes over the pale line of single steps.
    smooth: bool,
}

impl Series {
    /// The series' finite points in a run.
    fn points(&self, curve: &Curve, axis: Axis) -> Vec<(f64, f64)> {
        let rows = curve.rows.iter().filter(|row| row.split == self.split);
        let points = rows.filter_map(|row| Some((axis.of(row), (self.value)(row)?)));
        points.filter(|(_, y)| y.is_finite()).collect()
    }
}

/// Draws `quantity` of the runs, one colour each; the ending of `path`, `.png` or `.svg`, decides the
/// format.
///
/// # Errors
/// [`TrainError::NoMetrics`] where there is nothing to draw, [`TrainError::PictureFormat`],
/// [`TrainError::Plot`] or [`TrainError::Io`].
pub fn draw_curves(
    path: &Path,
    title: &str,
    curves: &[Curve],
    quantity: Quantity,
    axis: Axis,
) -> Result<(), TrainError> {
    let panels = quantity.panels();
    let is_empty = |series: &Series| curves.iter().all(|run| series.points(run, axis).is_empty());
    if panels.iter().flat_map(|panel| &panel.series).all(is_empty) {
        return Err(TrainError::NoMetrics { path: path.to_owned(), quantity: quantity.name() });
    }
    save(path, SIZE, &chart::Figure { title, panels: &panels, curves, axis })
}

/// What can be drawn on whatever plotters can draw on.
trait Picture {
    fn paint<DB: DrawingBackend>(&self, root: &chart::Area<DB>)
    -> Result<(), chart::DrawError<DB>>;
}

/// Draws a picture of that size into a file, whose ending decides the format.
fn save(path: &Path, size: (u32, u32), picture: &impl Picture) -> Result<(), TrainError> {
    fn drawn<DB: DrawingBackend>(backend: DB, picture: &impl Picture) -> Result<(), String> {
        let area = backend.into_drawing_area();
        picture.paint(&area).and_then(|()| area.present()).map_err(|error| error.to_string())
    }
    let failed = |reason: String| TrainError::Plot { path: path.to_owned(), reason };
    let bytes = match path.extension().and_then(|extension| extension.to_str()) {
        Some("png") => {
            let mut pixels = vec![0; (size.0 * size.1 * 3) as usize];
            drawn(BitMapBackend::with_buffer(&mut pixels, size), picture).map_err(failed)?;
            png(&pixels, size)?
        }
        Some("svg") => {
            let mut text = String::new();
            drawn(SVGBackend::with_string(&mut text, size), picture).map_err(failed)?;
            text.into_bytes()
        }
        _ => return Err(TrainError::PictureFormat { path: path.to_owned() }),
    };
    Ok(minigpt_files::write(path, bytes)?)
}

fn png(pixels: &[u8], size: (u32, u32)) -> Result<Vec<u8>, TrainError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, size.0, size.1);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::High);
    let mut writer = encoder.write_header().map_err(std::io::Error::other)?;
    writer.write_image_data(pixels).map_err(std::io::Error::other)?;
    writer.finish().map_err(std::io::Error::other)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(split: Split, step: usize, loss: f64) -> Row {
        Row {
            split,
            step,
            passes: step as f64 / 100.0,
            tokens: 2048 * step as u64,
            loss,
            learning_rate: Some(1e-3 / step as f64),
            grad_norm: Some(2.0),
            tokens_per_second: 5000.0,
            seconds: 0.5 * step as f64,
        }
    }

    fn curves() -> [Curve; 2] {
        let mut rows: Vec<_> =
            (1..200).map(|step| row(Split::Train, step, 8.0 / step as f64 + 3.0)).collect();
        rows.push(row(Split::Valid, 100, 3.4));
        rows.push(row(Split::Valid, 200, 3.3));
        let higher = rows.iter().map(|row| Row { loss: row.loss + 1.0, ..row.clone() }).collect();
        let curve = |name: &str, rows| Curve { name: name.to_owned(), rows };
        [curve("one", rows), curve("two", higher)]
    }

    #[test]
    fn a_picture_holds_the_curves_colours() {
        let folder = tempfile::tempdir().unwrap();
        for quantity in Quantity::ALL {
            let path = folder.path().join(quantity.name()).with_extension("png");
            draw_curves(&path, "two runs", &curves(), quantity, Axis::Minutes).unwrap();

            let file = std::io::BufReader::new(fs_err::File::open(&path).unwrap());
            let mut reader = png::Decoder::new(file).read_info().unwrap();
            let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
            let info = reader.next_frame(&mut pixels).unwrap();
            assert_eq!((info.width, info.height), SIZE);
            // The second run, which is drawn over the first.
            let RGBColor(r, g, b) = chart::COLOURS[1];
            let found = pixels.chunks_exact(3).filter(|pixel| *pixel == [r, g, b]).count();
            assert!(found > 300, "{quantity:?}: {found} pixels of colour {r} {g} {b}");
        }
    }

    #[test]
    fn an_svg_holds_both_runs_and_the_axis() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("loss.svg");
        draw_curves(&path, "two runs", &curves(), Quantity::Loss, Axis::Tokens).unwrap();
        let text = fs_err::read_to_string(&path).unwrap();
        for part in
            ["<svg", "two runs", "one training, smoothed", "two validation", "#0072B2", "tokens"]
        {
            assert!(text.contains(part), "no {part}");
        }
    }

    #[test]
    fn nothing_to_draw_and_no_known_format_leave_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("loss.png");
        let empty = [Curve { name: "empty".to_owned(), rows: Vec::new() }];
        let drawn = draw_curves(&path, "", &empty, Quantity::Loss, Axis::Steps);
        assert!(matches!(drawn, Err(TrainError::NoMetrics { .. })));
        let path = path.with_extension("jpeg");
        let error = draw_curves(&path, "", &curves(), Quantity::Loss, Axis::Steps).unwrap_err();
        assert!(
            error.to_string().ends_with("loss.jpeg: expected a name that ends in .png or .svg")
        );
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn names_are_read_back() {
        for quantity in Quantity::ALL {
            assert_eq!(quantity.name().parse::<Quantity>().unwrap(), quantity);
        }
        let error = "lose".parse::<Quantity>().unwrap_err().to_string();
        assert!(error.contains("expected one of loss, perplexity,"), "{error}");
        assert!("epochs".parse::<Axis>().is_err());
    }
}
