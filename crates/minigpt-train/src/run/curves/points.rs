//! The points of a run's rows, or of several runs' with a band around their mean.

use std::collections::BTreeMap;
use std::str::FromStr;

use minigpt_plot::running_mean;

use super::seeds::CurveGroup;
use crate::error::TrainError;
use crate::run::row::{Row, RowSplit};

/// What a band around the mean of several runs shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Band {
    /// From the least to the greatest value.
    #[default]
    MinMax,
    /// One standard deviation of the runs to either side.
    Deviation,
}

impl Band {
    /// The names that [`FromStr`] takes.
    pub const NAMES: [&str; 2] = ["min-max", "sd"];

    pub(super) fn in_words(self) -> &'static str {
        match self {
            Self::MinMax => "min to max",
            Self::Deviation => "± 1 sd",
        }
    }

    /// The ends of the band around the mean of these points.
    fn ends(self, points: &[(f64, f64)], mean: f64) -> (f64, f64) {
        let values = || points.iter().map(|point| point.1);
        match self {
            Self::MinMax => {
                (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max))
            }
            Self::Deviation => {
                let squares: f64 = values().map(|value| (value - mean).powi(2)).sum();
                let deviation = (squares / (points.len() as f64 - 1.0).max(1.0)).sqrt();
                (mean - deviation, mean + deviation)
            }
        }
    }
}

impl FromStr for Band {
    type Err = TrainError;

    fn from_str(name: &str) -> Result<Self, TrainError> {
        match name {
            "min-max" => Ok(Self::MinMax),
            "sd" => Ok(Self::Deviation),
            _ => Err(TrainError::UnknownName {
                kind: "band",
                name: name.to_owned(),
                known: Self::NAMES.join(", "),
            }),
        }
    }
}

/// What is drawn of a group.
#[derive(Default)]
pub(super) struct Points {
    pub(super) points: Vec<(f64, f64)>,
    /// Of several runs.
    pub(super) band: Vec<(f64, f64)>,
    /// The least.
    pub(super) best: Option<Best>,
}

/// The best validation.
pub(super) struct Best {
    pub(super) step: usize,
    pub(super) at: (f64, f64),
}

impl Points {
    /// The points of a group's rows: of one run as they are, of several the mean at each step that all have. Each is
    /// the mean of `window` ones of its run.
    pub(super) fn of(
        group: &CurveGroup,
        split: RowSplit,
        point: impl Fn(&Row) -> Option<(f64, f64)>,
        window: usize,
        band: Band,
    ) -> Self {
        let mut at_step: BTreeMap<usize, Vec<(f64, f64)>> = BTreeMap::new();
        for curve in &group.curves {
            let rows = curve.rows.iter().filter(|row| row.split == split);
            let found = rows.filter_map(|row| Some((row.step, point(row)?)));
            let (steps, raw): (Vec<usize>, Vec<(f64, f64)>) = found.unzip();
            let smooth = if window > 1 { finite_mean(&raw, window) } else { raw };
            // Of a step that is there twice the later row.
            let of_run: BTreeMap<usize, (f64, f64)> = steps.into_iter().zip(smooth).collect();
            for (step, point) in of_run {
                at_step.entry(step).or_default().push(point);
            }
        }
        let runs = group.curves.len();
        let mut points = Self::default();
        for (step, all) in at_step.iter().filter(|(_, all)| all.len() == runs) {
            let mean = |of: fn(&(f64, f64)) -> f64| all.iter().map(of).sum::<f64>() / runs as f64;
            let at = (mean(|point| point.0), mean(|point| point.1));
            points.points.push(at);
            if runs > 1 {
                points.band.push(band.ends(all, at.1));
            }
            let is_better = points.best.as_ref().is_none_or(|best| at.1 < best.at.1);
            if at.1.is_finite() && is_better {
                points.best = Some(Best { step: *step, at });
            }
        }
        points
    }
}

/// The running mean of the finite points; the others stay, to be left out and counted.
fn finite_mean(points: &[(f64, f64)], window: usize) -> Vec<(f64, f64)> {
    let finite: Vec<(f64, f64)> = points.iter().copied().filter(|(_, y)| y.is_finite()).collect();
    let mut means = running_mean(&finite, window).into_iter();
    let mut of = |point: &(f64, f64)| if point.1.is_finite() { means.next() } else { None };
    points.iter().map(|point| of(point).unwrap_or(*point)).collect()
}
