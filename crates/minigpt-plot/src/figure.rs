//! Charts of lines side by side or below each other: what they show. How they are laid out is `figure/layout.rs`.

use std::path::Path;

use crate::axis::Axis;
use crate::error::PlotError;
use crate::look::Look;

mod chart;
mod data;
mod frame;
mod layout;
mod legend;
mod marks;
mod notes;
mod text;

/// Charts under one title, drawn below or beside each other in one picture.
#[derive(Clone, Debug, Default)]
pub struct Figure {
    /// What stands above all.
    pub title: String,
    /// The charts, in reading order.
    pub charts: Vec<Chart>,
    /// What stands below all, in small letters; may be empty.
    pub remark: String,
}

/// One coordinate system: two axes and the lines between them.
#[derive(Clone, Debug)]
pub struct Chart {
    /// What stands above it; may be empty.
    pub caption: String,
    /// What the horizontal axis counts.
    pub x: Axis,
    /// What the vertical axis measures.
    pub y: Axis,
    /// What a second vertical axis at the right measures.
    pub right: Option<Axis>,
    /// What is drawn, later ones over earlier ones.
    pub lines: Vec<Line>,
    /// Points that are pointed out.
    pub notes: Vec<Note>,
    /// What it says where nothing can be drawn.
    pub placeholder: &'static str,
}

/// A line: points in order, with a label for the legend.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its name.
    pub label: String,
    /// Whether the legend has it.
    pub is_listed: bool,
    /// Number of its colour, dashes and marks; what belongs together has the same.
    pub number: usize,
    /// How it is drawn.
    pub form: Form,
    /// Points by rising x. Those that are not finite, or not above 0 on a logarithmic axis, are left out, as are those
    /// whose band is.
    pub points: Vec<(f64, f64)>,
    /// For each point the lower and the upper end of a band around it; empty for none.
    pub band: Vec<(f64, f64)>,
    /// Whether the axis at the right measures it.
    pub on_right: bool,
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A line, dashed by its number.
    Line,
    /// A thin pale line, as for values before they were smoothed.
    Pale,
    /// Marks joined by a thin line.
    Marks,
    /// Open marks joined by a thin line.
    OpenMarks,
}

/// A point with some words beside it.
#[derive(Clone, Debug)]
pub struct Note {
    /// The point.
    pub at: (f64, f64),
    /// What is said of it.
    pub text: String,
    /// Number of its line.
    pub number: usize,
    /// Whether the axis at the right measures it.
    pub on_right: bool,
    /// Whether there is a ring around it.
    pub ring: bool,
}

/// Points of a figure that have no place in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// NaN or infinite.
    pub not_finite: usize,
    /// At or below 0, where an axis is logarithmic.
    pub not_positive: usize,
}

impl Chart {
    /// A chart without lines, under a caption.
    pub fn new(caption: impl Into<String>, x: Axis, y: Axis) -> Self {
        Self {
            caption: caption.into(),
            x,
            y,
            right: None,
            lines: Vec::new(),
            notes: Vec::new(),
            placeholder: "nothing to draw yet",
        }
    }

    /// The vertical axis that measures a line.
    fn axis_of(&self, on_right: bool) -> &Axis {
        self.right.as_ref().filter(|_| on_right).unwrap_or(&self.y)
    }

    /// Whether a point of a line has a place, with its band.
    fn has_place(&self, line: &Line, index: usize) -> bool {
        let axis = self.axis_of(line.on_right);
        let (x, y) = line.points[index];
        let (low, high) = line.band.get(index).copied().unwrap_or((y, y));
        self.x.holds(x) && [y, low, high].into_iter().all(|value| axis.holds(value))
    }

    /// What can be drawn of it.
    fn drawable(&self) -> Self {
        let line = |line: &Line| {
            let kept: Vec<usize> =
                (0..line.points.len()).filter(|index| self.has_place(line, *index)).collect();
            let points = kept.iter().map(|index| line.points[*index]).collect();
            let band = kept.iter().filter_map(|index| line.band.get(*index).copied()).collect();
            Line { points, band, ..line.clone() }
        };
        let lines = self.lines.iter().map(line).filter(|line| !line.points.is_empty()).collect();
        let notes = self
            .notes
            .iter()
            .filter(|note| self.x.holds(note.at.0) && self.axis_of(note.on_right).holds(note.at.1));
        Self { lines, notes: notes.cloned().collect(), ..self.clone() }
    }
}

impl Line {
    /// A listed line: its number is its colour, dashes and mark.
    pub fn new(
        label: impl Into<String>,
        number: usize,
        form: Form,
        points: Vec<(f64, f64)>,
    ) -> Self {
        let label = label.into();
        Self { label, is_listed: true, number, form, points, band: Vec::new(), on_right: false }
    }

    /// The same, measured by the axis at the right.
    #[must_use]
    pub fn on_right(self) -> Self {
        Self { on_right: true, ..self }
    }

    /// The same without a place in the legend.
    #[must_use]
    pub fn unlisted(self) -> Self {
        Self { is_listed: false, ..self }
    }

    /// The same with a band around it: the lower and the upper end at each point.
    #[must_use]
    pub fn with_band(self, band: Vec<(f64, f64)>) -> Self {
        Self { band, ..self }
    }
}

impl Figure {
    /// Draws it into a file, whose ending, `.png` or `.svg`, decides the format.
    ///
    /// # Errors
    /// [`PlotError`].
    pub fn draw(&self, path: &Path, look: Look) -> Result<(), PlotError> {
        layout::sheet(&self.drawable(), look).save(path)
    }

    /// The picture as the text of an SVG file.
    #[must_use]
    pub fn to_svg(&self, look: Look) -> String {
        layout::sheet(&self.drawable(), look).to_svg()
    }

    /// Every point that is drawn, as a table: `chart,axis,line,form,x,y,low,high`, the last two of a band.
    #[must_use]
    pub fn to_csv(&self) -> String {
        data::csv(&self.drawable())
    }

    /// Whether there is a point to draw.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.drawable().charts.iter().all(|chart| chart.lines.is_empty())
    }

    /// How many points are not drawn, by reason.
    pub fn left_out(&self) -> LeftOut {
        let mut left_out = LeftOut::default();
        for chart in &self.charts {
            for line in &chart.lines {
                let indices = 0..line.points.len();
                for index in indices.filter(|index| !chart.has_place(line, *index)) {
                    let (x, y) = line.points[index];
                    let (low, high) = line.band.get(index).copied().unwrap_or((y, y));
                    if [x, y, low, high].into_iter().all(f64::is_finite) {
                        left_out.not_positive += 1;
                    } else {
                        left_out.not_finite += 1;
                    }
                }
            }
        }
        left_out
    }

    fn drawable(&self) -> Self {
        Self { charts: self.charts.iter().map(Chart::drawable).collect(), ..self.clone() }
    }
}

#[cfg(test)]
mod tests;
