//! Time and memory.

use minigpt_train::{Quantity, Row, RowSplit};

use super::table_by_run;
use crate::document::Document;
use crate::error::ReportError;
use crate::format::{bytes, decimals, duration, grouped};
use crate::pictures::Pictures;
use crate::record::RunRecord;

pub(super) fn add(
    document: &mut Document,
    runs: &[RunRecord],
    pictures: &mut Pictures<'_>,
) -> Result<(), ReportError> {
    document.heading("Speed and memory");
    let last = |run: &RunRecord| run.last_train().cloned();
    table_by_run(
        document,
        "Training",
        runs,
        &[
            ("steps taken", &|run| Some(grouped(last(run)?.step as u64).into())),
            ("training tokens seen", &|run| Some(grouped(last(run)?.tokens).into())),
            ("passes over the training text", &|run| {
                Some(format!("{:.2}", last(run)?.passes).into())
            }),
            ("time, validations included", &|run| {
                let of_end = run.summary.as_ref().map(|summary| summary.seconds);
                Some(duration(of_end.or(last(run).map(|row| row.seconds))?).into())
            }),
            ("tokens per second, median of the steps", &|run| {
                Some(decimals(median_speed(run)?, 1).into())
            }),
            ("tokens per second of an evaluation", &|run| {
                Some(decimals(run.evaluations.first()?.tokens_per_second, 1).into())
            }),
            ("peak main memory of the last process", &|run| {
                Some(bytes(run.summary.as_ref()?.peak_memory?).into())
            }),
        ],
    );
    if runs
        .iter()
        .any(|run| run.summary.as_ref().is_some_and(|summary| summary.peak_memory.is_none()))
    {
        document.note("Memory is not recorded where the system does not tell it, and in runs of earlier versions.");
    }
    let alt = "Training tokens per second against steps, with their running mean.".to_owned();
    let caption = "Training tokens per second, pale, with their running mean".to_owned();
    if let Some(picture) = pictures.curves(runs, Quantity::TokensPerSecond, alt, caption)? {
        document.picture(picture);
    }
    Ok(())
}

fn median_speed(run: &RunRecord) -> Option<f64> {
    let steps = run.rows.iter().filter(|row: &&Row| row.split == RowSplit::Train);
    let mut speeds: Vec<f64> = steps.map(|row| row.tokens_per_second).collect();
    speeds.sort_by(f64::total_cmp);
    speeds.get(speeds.len() / 2).copied()
}
