//! What a resumed run does with files that are missing or damaged: the checkpoints are what it goes on
//! from, and nothing beside them may keep it from that.

use std::io::ErrorKind;

use minigpt_files::{Limit, read};

use super::{RunFolder, SAMPLE_HEADING};
use crate::error::TrainError;
use crate::run::aside::{OnRepair, set_aside};
use crate::run::metrics::{read_rows, to_csv};
use crate::run::row::Row;

/// A sample has some hundred bytes, and a run some thousand samples.
pub(super) const SAMPLES: Limit = Limit::new(256 << 20, "the samples of a run");

impl RunFolder {
    /// Removes the rows and samples after `step`, which a resumed run will write again, and gives the rows
    /// that stay. A file that is damaged is set aside, and what can be read of it kept.
    pub(crate) fn forget_after(
        &self,
        step: usize,
        repaired: OnRepair<'_>,
    ) -> Result<Vec<Row>, TrainError> {
        let mut rows = self.rows_or_what_is_left(step, repaired)?;
        rows.retain(|row| row.step <= step);
        minigpt_files::write(&self.metrics_path(), to_csv(&rows)?)?;
        if let Some(samples) = self.samples_or_what_is_left(repaired)? {
            minigpt_files::write(&self.samples_path(), samples_until(&samples, step))?;
        }
        Ok(rows)
    }

    /// Removes the figures of an end from which the run goes on.
    pub(crate) fn forget_end(&self) -> Result<(), TrainError> {
        match fs_err::remove_file(self.summary_path()) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn rows_or_what_is_left(
        &self,
        step: usize,
        repaired: OnRepair<'_>,
    ) -> Result<Vec<Row>, TrainError> {
        let path = self.metrics_path();
        let (rows, reason) = match read_rows(&path) {
            Ok((rows, None)) => return Ok(rows),
            Ok((rows, Some(reason))) => (rows, reason),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if step > 0 {
                    repaired(format!("{} is missing: curves begin anew", path.display()));
                }
                return Ok(Vec::new());
            }
            Err(error) => (Vec::new(), error.to_string()),
        };
        let name = set_aside(&path)?;
        let count = rows.len();
        repaired(format!(
            "{} is damaged: {reason}; set aside as {name}, and its {count} other rows kept",
            path.display()
        ));
        Ok(rows)
    }

    fn samples_or_what_is_left(
        &self,
        repaired: OnRepair<'_>,
    ) -> Result<Option<String>, TrainError> {
        let path = self.samples_path();
        let (text, reason) = match read(&path, SAMPLES).map(String::from_utf8) {
            Ok(Ok(text)) => return Ok(Some(text)),
            // As it is before the first validation.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Ok(Err(error)) => {
                let at = error.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                (text, format!("byte {at} is not UTF-8"))
            }
            Err(error) => (String::new(), error.to_string()),
        };
        let name = set_aside(&path)?;
        repaired(format!("{} is damaged: {reason}; set aside as {name}", path.display()));
        Ok(Some(text))
    }
}

/// The part of a `samples.md` up to and with the sample of `step`.
pub(super) fn samples_until(samples: &str, step: usize) -> &str {
    let later = samples.match_indices(SAMPLE_HEADING).find(|(at, heading)| {
        let number = samples[at + heading.len()..].split('\n').next().unwrap_or_default();
        number.parse::<usize>().is_ok_and(|number| number > step)
    });
    later.map_or(samples, |(at, _)| &samples[..at])
}

#[cfg(test)]
mod tests;
