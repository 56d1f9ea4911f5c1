//! A run as its folder has it: all that a report can say, and what of it cannot be read.

use std::path::{Path, PathBuf};

use minigpt_eval::{SavedEvaluation, TaskFigures};
use minigpt_files::{Limit, excerpt};
use minigpt_text::SavedAttention;
use minigpt_train::{
    Environment, FinetuneTask, Row, RowSplit, RunConfig, RunFolder, RunState, Sample, StartFigures,
    Summary, TrainError, ValidationFigures, read_metrics_after, shell_word,
};
use serde_json::from_slice;

/// An evaluation of a long context has some hundred kilobytes, a task's answers a few megabytes.
const EVALUATION: Limit = Limit::new(16 << 20, "an evaluation that is reported");

/// Evaluations of a run that are reported.
const EVALUATIONS: usize = 32;

/// Rows of a run's metrics that are read: those of a million steps have a hundred megabytes.
const ROWS: usize = 1_000_000;

/// Where `minigpt eval` and `finetune` leave their figures, and `minigpt attention` its pictures.
pub(crate) const EVALUATION_FOLDER: &str = "evaluation";
pub(crate) const ATTENTION_FOLDER: &str = "attention";

/// All that a run's folder has for a report.
pub(crate) struct RunRecord {
    pub(crate) name: String,
    /// The number of the run in the report, in the names of its pictures: a run's own name may be any.
    pub(crate) key: usize,
    pub(crate) path: PathBuf,
    pub(crate) state: RunState,
    pub(crate) config: RunConfig,
    pub(crate) environment: Option<Environment>,
    pub(crate) start: Option<StartFigures>,
    /// The figures of the end; nothing of a run that trains now, which may have those of an earlier stop.
    pub(crate) summary: Option<Summary>,
    pub(crate) rows: Vec<Row>,
    pub(crate) samples: Vec<Sample>,
    pub(crate) evaluations: Vec<SavedEvaluation>,
    pub(crate) task: Option<TaskFigures>,
    pub(crate) attention: Option<SavedAttention>,
    /// Files that are damaged or too large, in words.
    pub(crate) problems: Vec<String>,
}

impl RunRecord {
    /// Reads a run. Without its configuration there is nothing to report; all else may be missing.
    pub(crate) fn read(run: &RunFolder, key: usize) -> Result<Self, TrainError> {
        let config = run.config()?;
        let mut problems = Vec::new();
        let mut failed = |error: &dyn std::fmt::Display| problems.push(error.to_string());
        let state = run.state();
        let is_missing = |path: &Path| !path.exists();
        let summary = run.summary().map_err(|error| failed(&error)).unwrap_or_default();
        let rows = match is_missing(&run.metrics_path()) {
            true => Vec::new(),
            false => rows(run, &mut failed),
        };
        let environment = match is_missing(&run.path().join("environment.json")) {
            true => None,
            false => run.environment().map_err(|error| failed(&error)).ok(),
        };
        let attention = SavedAttention::load(&run.path().join(ATTENTION_FOLDER));
        Ok(Self {
            name: run.name(),
            key,
            path: run.path().to_owned(),
            state,
            environment,
            start: run.start_figures().map_err(|error| failed(&error)).unwrap_or_default(),
            summary: summary.filter(|_| state != RunState::Training),
            rows,
            samples: run.samples().map_err(|error| failed(&error)).unwrap_or_default(),
            evaluations: evaluations(run, &config, &mut failed),
            task: task(run, &config, &mut failed),
            attention: attention.map_err(|error| failed(&error)).unwrap_or_default(),
            config,
            problems,
        })
    }

    /// What the run tunes a model for; none of a run that trains from scratch.
    pub(crate) fn task_kind(&self) -> Option<FinetuneTask> {
        self.config.finetune.as_ref().map(|finetune| finetune.task)
    }

    pub(crate) fn is_classifier(&self) -> bool {
        self.task_kind() == Some(FinetuneTask::Classify)
    }

    /// Whether its validation predicts tokens, of which there is a perplexity; not labels or preferences.
    pub(crate) fn predicts_tokens(&self) -> bool {
        !matches!(self.task_kind(), Some(FinetuneTask::Classify | FinetuneTask::Prefer))
    }

    /// Parameters of the model: as the run recorded them, or as its configuration's shape has them.
    pub(crate) fn parameters(&self) -> usize {
        let recorded = self.start.as_ref().map(|start| start.parameters);
        recorded.unwrap_or_else(|| self.config.model.parameter_counts().total())
    }

    /// The best validation, once the run has ended.
    pub(crate) fn best(&self) -> Option<ValidationFigures> {
        self.summary.as_ref()?.best
    }

    /// Step and loss of the best validation so far.
    pub(crate) fn best_loss(&self) -> Option<(usize, f64)> {
        let rows = self.rows.iter().filter(|row| row.split == RowSplit::Valid);
        let best = rows.min_by(|a, b| a.loss.total_cmp(&b.loss)).map(|row| (row.step, row.loss));
        self.best().map(|best| (best.step, best.loss)).or(best)
    }

    pub(crate) fn last_train(&self) -> Option<&Row> {
        self.rows.iter().rfind(|row| row.split == RowSplit::Train)
    }

    /// The perplexity of the text's frequencies alone.
    pub(crate) fn unigram_perplexity(&self) -> Option<f64> {
        self.start.as_ref()?.unigram_perplexity
    }

    /// A command of minigpt about this run, as a reader can run it.
    pub(crate) fn command(&self, name: &str, more: &str) -> String {
        let space = if more.is_empty() { "" } else { " " };
        format!("minigpt {name} {}{space}{more}", shell_word(&self.path.display().to_string()))
    }
}

fn rows(run: &RunFolder, failed: &mut dyn FnMut(&dyn std::fmt::Display)) -> Vec<Row> {
    let path = run.metrics_path();
    let lines = match read_metrics_after(&path, 0, ROWS) {
        Ok(lines) => lines,
        Err(error) => {
            failed(&error);
            return Vec::new();
        }
    };
    let is_full = lines.len() == ROWS;
    let mut rows = Vec::with_capacity(lines.len());
    let mut bad = None;
    for line in lines {
        match line {
            Ok(row) => rows.push(row),
            Err(reason) => drop(bad.get_or_insert(reason)),
        }
    }
    if let Some(reason) = bad {
        failed(&format_args!("{} is damaged: {reason}", path.display()));
    }
    if is_full {
        failed(&format_args!("{}: its first {ROWS} rows are reported", path.display()));
    }
    rows
}

/// What `minigpt eval` left, by the files' names.
fn evaluations(
    run: &RunFolder,
    config: &RunConfig,
    failed: &mut dyn FnMut(&dyn std::fmt::Display),
) -> Vec<SavedEvaluation> {
    let folder = run.path().join(EVALUATION_FOLDER);
    let Ok(entries) = fs_err::read_dir(&folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
    paths.retain(|path| Some(path) != task_path(run, config).as_ref());
    paths.sort();
    if paths.len() > EVALUATIONS {
        failed(&format_args!("{}: its first {EVALUATIONS} files are reported", folder.display()));
        paths.truncate(EVALUATIONS);
    }
    let mut evaluations: Vec<SavedEvaluation> = Vec::new();
    for path in paths {
        match read_json(&path, failed) {
            Some(saved) if is_sound(&saved) => evaluations.push(saved),
            Some(_) => failed(&format_args!(
                "{} is damaged: expected losses by rising positions, each of some tokens",
                path.display()
            )),
            None => {}
        }
    }
    evaluations
}

/// More than anybody counts, and few enough to be multiplied.
const MOST: usize = 1 << 48;

/// Whether all of them together are at most [`MOST`].
fn can_be_summed(mut counts: impl Iterator<Item = usize>) -> bool {
    let sum = counts.try_fold(0, |sum: usize, count| sum.checked_add(count));
    sum.is_some_and(|sum| sum <= MOST)
}

/// Whether its losses can be drawn: the file may be anybody's.
fn is_sound(saved: &SavedEvaluation) -> bool {
    let is_count = |count: usize| (1..=MOST).contains(&count);
    let is_loss = |loss: f64| (0.0..1e6).contains(&loss);
    let (positions, classes) = (&saved.report.by_context, &saved.report.by_frequency);
    positions.is_sorted_by(|one, next| one.seen < next.seen)
        && positions.iter().all(|at| {
            is_count(at.seen) && is_count(at.tokens) && is_loss(at.loss) && is_loss(at.deviation)
        })
        && classes.iter().all(|class| is_count(class.tokens) && is_loss(class.loss))
        && can_be_summed(positions.iter().map(|at| at.tokens))
        && can_be_summed(classes.iter().map(|class| class.tokens))
}

/// Where `minigpt finetune` leaves what the best model makes of what was held out.
fn task_path(run: &RunFolder, config: &RunConfig) -> Option<PathBuf> {
    let task = config.finetune.as_ref()?.task;
    Some(run.path().join(EVALUATION_FOLDER).join(format!("{task}.json")))
}

fn task(
    run: &RunFolder,
    config: &RunConfig,
    failed: &mut dyn FnMut(&dyn std::fmt::Display),
) -> Option<TaskFigures> {
    let path = task_path(run, config)?;
    let figures: TaskFigures = path.exists().then(|| read_json(&path, failed)).flatten()?;
    match &figures {
        // A matrix that is none would break whoever draws it.
        TaskFigures::Labels { confusion, .. } => {
            let labels = confusion.labels.len();
            let is_square = confusion.counts.len() == labels
                && confusion.counts.iter().all(|row| row.len() == labels);
            let can_be_summed = can_be_summed(confusion.counts.iter().flatten().copied());
            if labels == 0 || !is_square || !can_be_summed {
                failed(&format_args!(
                    "{}: expected a count of texts for each pair of labels",
                    path.display()
                ));
                return None;
            }
        }
        TaskFigures::Answers { .. } => {}
    }
    Some(figures)
}

fn read_json<T: serde::de::DeserializeOwned>(
    path: &Path,
    failed: &mut dyn FnMut(&dyn std::fmt::Display),
) -> Option<T> {
    let bytes = minigpt_files::read(path, EVALUATION).map_err(|error| failed(&error)).ok()?;
    let read = from_slice(&bytes);
    read.map_err(|error: serde_json::Error| {
        let reason = excerpt(&error.to_string());
        failed(&format_args!("{} is damaged: {reason}", path.display()));
    })
    .ok()
}

#[cfg(test)]
mod tests;
