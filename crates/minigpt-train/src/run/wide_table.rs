//! The figures of a run as a table with one row for each step, which programs import that know no splits.

use std::collections::BTreeMap;
use std::path::Path;

use super::found::FoundRun;
use super::tensorboard;
use super::timed::TimedRows;
use crate::error::TrainError;

/// Short names of quantities: trackio's import keeps ten letters of a column's name.
const SHORT: [(&str, &str); 4] = [
    ("perplexity", "ppl"),
    ("learning_rate", "rate"),
    ("grad_norm", "norm"),
    ("tokens_per_second", "tps"),
];

/// Writes `step`, `timestamp` (in UTC), and a column for each quantity, as `train/loss`, `train/rate`, `train/norm`,
/// `train/tps`, `valid/ppl` or `avg/loss`. A cell is empty where the step has no such figure. Gives back how many rows
/// that are.
///
/// # Errors
/// [`TrainError::Io`], and what reading the run gives: its configuration must be whole. Rows that are damaged are left
/// out, and a run that has none yet has a table of names. What is at `path` is written as
/// [`minigpt_files::write_named`] says.
pub fn write_wide_table(run: &FoundRun, path: &Path) -> Result<usize, TrainError> {
    let folder = run.folder()?;
    let timed = TimedRows::read(run, &folder, &folder.config()?)?;
    let mut steps = BTreeMap::<usize, (u64, BTreeMap<String, f64>)>::new();
    let mut names = Vec::new();
    for row in &timed.rows {
        let (time, figures) = steps.entry(row.step).or_default();
        *time = timed.time(row).max(*time);
        for (name, value) in tensorboard::scalars(row) {
            let name = short(&name);
            if !names.contains(&name) {
                names.push(name.clone());
            }
            figures.insert(name, value);
        }
    }
    let mut table = csv::Writer::from_writer(Vec::new());
    let head = ["step", "timestamp"].into_iter().chain(names.iter().map(String::as_str));
    table.write_record(head).map_err(std::io::Error::other)?;
    for (step, (time, figures)) in &steps {
        let cell = |name: &String| figures.get(name).map_or_else(String::new, f64::to_string);
        let first = [step.to_string(), utc(*time)];
        let record = first.into_iter().chain(names.iter().map(cell));
        table.write_record(record).map_err(std::io::Error::other)?;
    }
    let bytes = table.into_inner().map_err(|error| std::io::Error::other(error.to_string()))?;
    minigpt_files::write_named(path, bytes)?;
    Ok(steps.len())
}

/// A quantity's name in at most ten letters.
fn short(name: &str) -> String {
    let (split, quantity) = name.split_once('/').unwrap_or(("", name));
    let split = if split == "average" { "avg" } else { split };
    let known = SHORT.iter().find(|(long, _)| *long == quantity);
    format!("{split}/{}", known.map_or(quantity, |(_, short)| short))
}

/// Milliseconds since 1970 as `2026-11-30T00:08:20.125+00:00`.
fn utc(milliseconds: u64) -> String {
    let (days, of_day) = (milliseconds / 86_400_000, milliseconds % 86_400_000);
    let (year, month, day) = date(days);
    let (hour, minute) = (of_day / 3_600_000, of_day / 60_000 % 60);
    let (second, milliseconds) = (of_day / 1000 % 60, of_day % 1000);
    format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}+00:00"
    )
}

/// The date so many days after 1 January 1970: [Hinnant's](https://howardhinnant.github.io/date_algorithms.html)
/// `civil_from_days`, whose years begin in March.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests;
