//! What a run has done so far, and whom it tells.

use std::time::Instant;

use minigpt_eval::Evaluation;

use super::event::{Observer, TrainEvent};
use crate::data::token_set::TokenSet;
use crate::error::TrainError;
use crate::optim::average::Average;
use crate::optim::loss_scale::LossScale;
use crate::run::memory::peak_memory;
use crate::run::row::{Row, RowSplit};
use crate::run::summary::{End, Summary, ValidationFigures};

/// What changes while the engine runs.
pub(crate) struct RunState {
    observer: Observer,
    /// Steps taken.
    pub(crate) step: usize,
    /// Seconds of training before this process.
    seconds_before: f64,
    started: Instant,
    pub(crate) rows: Vec<Row>,
    /// Training tokens seen.
    pub(crate) tokens: u64,
    /// Validations by their step.
    pub(crate) evaluations: Vec<(usize, Evaluation)>,
    /// Steps of those whose checkpoints stayed with the run that this one goes on after.
    lost: Vec<usize>,
    pub(crate) average: Option<Average>,
    /// Of a run whose gradients pass through 16-bit floats.
    pub(crate) loss_scale: Option<LossScale>,
    /// The last validation of the average.
    pub(crate) average_evaluation: Option<(usize, Evaluation)>,
    pub(crate) outcome: Result<End, TrainError>,
}

impl RunState {
    /// At the start of a run.
    pub(crate) fn new(observer: Observer, average: Option<Average>) -> Self {
        Self {
            observer,
            step: 0,
            seconds_before: 0.0,
            started: Instant::now(),
            rows: Vec::new(),
            tokens: 0,
            evaluations: Vec::new(),
            lost: Vec::new(),
            average,
            loss_scale: None,
            average_evaluation: None,
            outcome: Ok(End::Complete),
        }
    }

    /// After `step` steps, with the rows up to there.
    pub(crate) fn resumed(
        observer: Observer,
        average: Option<Average>,
        step: usize,
        rows: Vec<Row>,
        valid: &TokenSet,
    ) -> Self {
        let of_split = |split| rows.iter().filter(move |row| row.split == split);
        let evaluation = |row: &Row| (row.step, valid.evaluation_of_loss(row.loss));
        Self {
            step,
            seconds_before: rows.last().map_or(0.0, |row| row.seconds),
            tokens: rows.last().map_or(0, |row| row.tokens),
            evaluations: of_split(RowSplit::Valid).map(evaluation).collect(),
            average_evaluation: of_split(RowSplit::Average).next_back().map(evaluation),
            rows,
            ..Self::new(observer, average)
        }
    }

    /// Leaves out of the best what a run before this one, of `seam` steps, validated and has not handed
    /// on: only the checkpoints of the steps `kept` are here.
    pub(crate) fn forget_lost(&mut self, seam: Option<usize>, kept: &[usize]) {
        let steps = self.evaluations.iter().map(|(step, _)| *step);
        let is_before = |step: &usize| seam.is_some_and(|seam| *step < seam);
        self.lost = steps.filter(|step| is_before(step) && !kept.contains(step)).collect();
    }

    /// Seconds of training, earlier processes included.
    pub(crate) fn seconds(&self) -> f64 {
        self.seconds_before + self.started.elapsed().as_secs_f64()
    }

    /// Minutes of training in this process.
    pub(crate) fn minutes_here(&self) -> f64 {
        self.started.elapsed().as_secs_f64() / 60.0
    }

    /// Steps that were left out because their loss or gradient was NaN or infinite.
    pub(crate) fn bad_steps(&self) -> usize {
        let is_bad = |row: &&Row| {
            let norm = row.grad_norm.unwrap_or_default();
            row.split == RowSplit::Train && !(row.loss.is_finite() && norm.is_finite())
        };
        self.rows.iter().filter(is_bad).count()
    }

    /// The summary of a run that ended here.
    pub(crate) fn summary(&self, end: End, samples: Vec<String>) -> Summary {
        let validations = &self.evaluations;
        let kept = validations.iter().filter(|(step, _)| !self.lost.contains(step));
        let best = kept.min_by(|a, b| a.1.loss().total_cmp(&b.1.loss()));
        Summary {
            steps: self.step,
            end,
            seconds: self.seconds(),
            peak_memory: peak_memory(),
            best: best.map(ValidationFigures::new),
            last: validations.last().map(ValidationFigures::new),
            base: validations.first().filter(|(step, _)| *step == 0).map(ValidationFigures::new),
            average: self.average_evaluation.as_ref().map(ValidationFigures::new),
            samples,
        }
    }

    pub(crate) fn tell(&mut self, event: TrainEvent) {
        (self.observer)(event);
    }
}

/// Validations since the one with the lowest loss, of a run that goes on from `seam` those after it: a rate
/// that rises again costs some of what was reached before.
pub(crate) fn validations_without_a_best(rows: &[Row], seam: Option<usize>) -> usize {
    let is_after = |row: &Row| seam.is_none_or(|seam| row.step > seam);
    let is_counted = |row: &&Row| row.split == RowSplit::Valid && is_after(row);
    let losses = || rows.iter().filter(is_counted).map(|row| row.loss);
    let best = losses().fold(f64::INFINITY, f64::min);
    losses().rev().take_while(|loss| *loss > best).count()
}
