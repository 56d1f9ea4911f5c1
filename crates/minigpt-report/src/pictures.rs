//! The pictures of a report, drawn into its folder as PNG and as SVG.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use minigpt_eval::{Confusion, SavedEvaluation};
use minigpt_files::{Limit, is_file_name};
use minigpt_plot::draw_confusion;
use minigpt_train::{Axis, Curve, Quantity, RowSplit, TrainError, draw_curves, plot_title};

use crate::document::Picture;
use crate::error::ReportError;
use crate::loss_sources::draw_loss_sources;
use crate::record::RunRecord;

/// The folder of the pictures, in that of the report.
const FOLDER: &str = "pictures";

/// Twenty times what the largest has.
pub(crate) const PICTURE: Limit = Limit::new(32 << 20, "a picture");

/// Labels of which a confusion matrix is drawn as SVG too, which has some hundred bytes for each pair; and is drawn at
/// all: a cell of more would have hardly a pixel.
const VECTOR_LABELS: usize = 100;
const LABELS: usize = 360;

/// Training steps of a run that are drawn: a picture has no more columns of pixels.
const POINTS: usize = 4000;

/// Where a picture is, from the report's folder, with either ending.
pub(crate) fn picture_file(picture: &Picture, ending: &str) -> String {
    format!("{FOLDER}/{}.{ending}", picture.name)
}

/// Draws into the folder of a report, and knows what it drew.
pub(crate) struct Pictures<'a> {
    report: &'a Path,
    pub(crate) files: Vec<PathBuf>,
    /// What could not be drawn or copied, in words.
    pub(crate) problems: Vec<String>,
}

impl<'a> Pictures<'a> {
    /// Begins with the folder.
    pub(crate) fn new(report: &'a Path) -> Result<Self, ReportError> {
        fs_err::create_dir_all(report.join(FOLDER))?;
        Ok(Self { report, files: Vec::new(), problems: Vec::new() })
    }

    /// A curve of the runs, or nothing where no run has it, or none that can be drawn.
    pub(crate) fn curves(
        &mut self,
        runs: &[RunRecord],
        quantity: Quantity,
        alt: String,
        caption: String,
    ) -> Result<Option<Picture>, ReportError> {
        let name = quantity.name().to_owned();
        let curves: Vec<Curve> = runs.iter().map(curve).collect();
        let names = runs.iter().map(|run| run.name.as_str()).collect::<Vec<_>>().join(", ");
        let title = match runs {
            [run] => plot_title(&run.config, &run.name),
            _ => names.clone(),
        };
        let picture = Picture { name, is_vector: true, alt, caption };
        let drawn =
            self.draw(&picture, |path| draw_curves(path, &title, &curves, quantity, Axis::Steps));
        match drawn {
            Ok(()) => Ok(Some(picture)),
            Err(TrainError::NoMetrics { .. }) => Ok(None),
            Err(TrainError::Undrawable { reason, .. }) => {
                self.problems.push(format!("{names}: {reason}"));
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Where the loss of an evaluation comes from.
    pub(crate) fn losses(
        &mut self,
        run: &RunRecord,
        saved: &SavedEvaluation,
        alt: String,
        caption: String,
    ) -> Result<Picture, ReportError> {
        let report = &saved.report;
        let title = format!("{} on {}, {}: {}", run.name, saved.data, saved.split, report.protocol);
        let name = format!("where-the-loss-is-{}", run.key);
        let picture = Picture { name, is_vector: true, alt, caption };
        self.draw(&picture, |path| draw_loss_sources(path, &title, report))?;
        Ok(picture)
    }

    /// What a classifier takes for what; nothing where there are too many labels to see it.
    pub(crate) fn confusion(
        &mut self,
        run: &RunRecord,
        confusion: &Confusion,
        alt: String,
        caption: String,
    ) -> Result<Option<Picture>, ReportError> {
        let labels = confusion.labels.len();
        if labels > LABELS {
            return Ok(None);
        }
        let title = format!("{}: {} held out", run.name, run.config.data.source);
        let (name, is_vector) = (format!("confusion-{}", run.key), labels <= VECTOR_LABELS);
        let picture = Picture { name, is_vector, alt, caption };
        let figures = confusion.to_string();
        self.draw(&picture, |path| {
            draw_confusion(path, &title, &figures, &confusion.labels, &confusion.counts)
        })?;
        Ok(Some(picture))
    }

    /// A copy of a picture of pixels that another command left in a run's folder, which is named by the folder and the
    /// run; nothing where it is not there or cannot be read.
    pub(crate) fn copy(
        &mut self,
        run: &RunRecord,
        folder: &str,
        file: &str,
        alt: String,
        caption: String,
    ) -> Result<Option<Picture>, ReportError> {
        // The name comes from a file, which may be anybody's.
        if !is_file_name(file) || !file.ends_with(".png") {
            return Ok(None);
        }
        let bytes = match minigpt_files::read(&run.path.join(folder).join(file), PICTURE) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                self.problems.push(error.to_string());
                return Ok(None);
            }
            Ok(bytes) => bytes,
        };
        let name = format!("{folder}-{}", run.key);
        let picture = Picture { name, is_vector: false, alt, caption };
        let path = self.report.join(picture_file(&picture, "png"));
        minigpt_files::write(&path, bytes)?;
        self.files.push(path);
        Ok(Some(picture))
    }

    fn draw<E>(
        &mut self,
        picture: &Picture,
        draw: impl Fn(&Path) -> Result<(), E>,
    ) -> Result<(), E> {
        let endings: &[&str] = if picture.is_vector { &["png", "svg"] } else { &["png"] };
        for ending in endings {
            let path = self.report.join(picture_file(picture, ending));
            draw(&path)?;
            self.files.push(path);
        }
        Ok(())
    }
}

/// All validations, and of very many training steps every n-th.
fn curve(run: &RunRecord) -> Curve {
    let steps = run.rows.iter().filter(|row| row.split == RowSplit::Train).count();
    let every = steps.div_ceil(POINTS).max(1);
    let is_drawn = |row: &&minigpt_train::Row| {
        row.split != RowSplit::Train || row.step.saturating_sub(1).is_multiple_of(every)
    };
    Curve { name: run.name.clone(), rows: run.rows.iter().filter(is_drawn).cloned().collect() }
}
