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
const SAMPLES: Limit = Limit::new(256 << 20, "the samples of a run");

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
fn samples_until(samples: &str, step: usize) -> &str {
    let later = samples.match_indices(SAMPLE_HEADING).find(|(at, heading)| {
        let number = samples[at + heading.len()..].split('\n').next().unwrap_or_default();
        number.parse::<usize>().is_ok_and(|number| number > step)
    });
    later.map_or(samples, |(at, _)| &samples[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_damaged_is_set_aside_and_the_rest_kept() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder { path: folder.path().to_owned() };
        let mut heard = Vec::new();
        let mut forget = |step| {
            heard.clear();
            let rows = run.forget_after(step, &mut |message| heard.push(message)).unwrap();
            (rows.len(), heard.join("\n").replace(&folder.path().display().to_string(), "RUN"))
        };
        assert_eq!(forget(9), (0, "RUN/metrics.csv is missing: curves begin anew".to_owned()));
        assert_eq!(forget(9), (0, String::new()));

        let head =
            "split,step,passes,tokens,loss,learning_rate,grad_norm,tokens_per_second,seconds\n";
        let row = |step: usize| format!("train,{step},0.5,512,3.0,0.001,1.0,1000.0,0.5\n");
        let table = |rows: &[String]| head.to_owned() + &rows.concat();
        let good = [row(1), row(2), row(3)];
        fs_err::write(run.metrics_path(), table(&good)).unwrap();
        let samples = b"## step 2\n\n\xff\n\n## step 4\n\nlater\n\n";
        fs_err::write(run.samples_path(), samples).unwrap();
        let message =
            "RUN/samples.md is damaged: byte 11 is not UTF-8; set aside as samples.md.damaged";
        assert_eq!(forget(2), (2, message.to_owned()));
        let kept = fs_err::read(folder.path().join("samples.md.damaged")).unwrap();
        assert_eq!(kept, samples);
        let left = fs_err::read_to_string(run.samples_path()).unwrap();
        assert_eq!(left, "## step 2\n\n\u{fffd}\n\n");

        for number in ["", "-2"] {
            let damaged = table(&[row(1), "rubbish\n".to_owned(), row(2)]);
            fs_err::write(run.metrics_path(), &damaged).unwrap();
            let (rows, message) = forget(2);
            assert_eq!(rows, 2);
            let aside = format!("metrics.csv.damaged{number}");
            let ending = format!("; set aside as {aside}, and its 2 other rows kept");
            assert!(message.starts_with("RUN/metrics.csv is damaged: line 3: "), "{message}");
            assert!(message.ends_with(&ending), "{message}");
            assert_eq!(fs_err::read_to_string(folder.path().join(aside)).unwrap(), damaged);
            assert_eq!(fs_err::read_to_string(run.metrics_path()).unwrap(), table(&good[..2]));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_without_end_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder { path: folder.path().to_owned() };
        for path in [run.metrics_path(), run.samples_path()] {
            std::os::unix::fs::symlink("/dev/zero", path).unwrap();
        }
        let mut heard = Vec::new();
        run.forget_after(1, &mut |message| heard.push(message)).unwrap();
        assert_eq!(heard.len(), 2);
        assert!(heard.iter().all(|message| message.contains("set aside as")), "{heard:?}");
        assert!(run.metrics_path().is_file() && run.samples_path().is_file());
    }
}
