//! `metrics.csv`: one row per step and one per validation, for people and for plots; the same as
//! TensorBoard's events.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use csv::StringRecord;
use fs_err::{File, OpenOptions};
use minigpt_files::excerpt;

use crate::error::TrainError;
use crate::run::row::Row;
use crate::run::tensorboard::EventWriter;

/// Appends rows to `metrics.csv` and to an event file, so that a running job can be watched.
pub(crate) struct MetricsWriter {
    table: csv::Writer<File>,
    events: EventWriter,
}

impl MetricsWriter {
    /// Continues the table at `path` after `step` steps, or starts it with a header; the events go into a new
    /// file in the folder `events`.
    pub(crate) fn append(path: &Path, events: &Path, step: usize) -> Result<Self, TrainError> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let is_new = file.metadata()?.len() == 0;
        let table = csv::WriterBuilder::new().has_headers(is_new).from_writer(file);
        Ok(Self { table, events: EventWriter::create(events, step)? })
    }

    pub(crate) fn write(&mut self, row: &Row) -> Result<(), TrainError> {
        self.table.serialize(row).map_err(std::io::Error::other)?;
        self.table.flush()?;
        self.events.write(row)
    }

    /// Waits until the rows are on the disk: a checkpoint must not know of steps that they lack.
    pub(crate) fn sync(&self) -> Result<(), TrainError> {
        Ok(self.table.get_ref().sync_data()?)
    }
}

/// `rows` as the text of a `metrics.csv`.
pub(crate) fn to_csv(rows: &[Row]) -> Result<Vec<u8>, TrainError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(row).map_err(std::io::Error::other)?;
    }
    writer.into_inner().map_err(|error| std::io::Error::other(error.to_string()).into())
}

/// The first line of a table.
const HEADER: &str =
    "split,step,passes,tokens,loss,learning_rate,grad_norm,tokens_per_second,seconds";

/// Bytes of a line that is read: nine numbers have fewer.
const LINE: u64 = 1024;

/// All rows of a `metrics.csv`. A last line that was cut off by a crash is left out.
///
/// # Errors
/// [`TrainError::Io`], or [`TrainError::Damaged`] with the first line that is no row.
pub fn read_metrics(path: &Path) -> Result<Vec<Row>, TrainError> {
    let (rows, damage) = read_rows(path)?;
    match damage {
        None => Ok(rows),
        Some(reason) => Err(TrainError::Damaged { path: path.to_owned(), reason }),
    }
}

/// The rows of a `metrics.csv` that can be read, and what is wrong with the first invalid line.
pub(crate) fn read_rows(path: &Path) -> std::io::Result<(Vec<Row>, Option<String>)> {
    let mut reader = BufReader::new(minigpt_files::open(path)?);
    let header = StringRecord::from_iter(HEADER.split(','));
    let (mut rows, mut damage, mut line) = (Vec::new(), None, Vec::new());
    for number in 1_usize.. {
        line.clear();
        reader.by_ref().take(LINE).read_until(b'\n', &mut line)?;
        let Some(text) = line.strip_suffix(b"\n") else {
            // Cut off, as the last line may be, or without an end.
            if line.len() as u64 == LINE {
                damage.get_or_insert(format!("line {number} has more than {LINE} bytes"));
            }
            break;
        };
        let text = String::from_utf8_lossy(text);
        let read = match number {
            1 if text.trim_end() == HEADER => continue,
            1 => Err(format!("expected the names {HEADER}")),
            _ => row(text.trim_end(), &header).map_err(|error| error.to_string()),
        };
        match read {
            Ok(row) => rows.push(row),
            Err(reason) => {
                damage.get_or_insert(format!("line {number}: {}", excerpt(&reason)));
            }
        }
    }
    Ok((rows, damage))
}

fn row(line: &str, header: &StringRecord) -> Result<Row, csv::Error> {
    StringRecord::from_iter(line.split(',')).deserialize(Some(header))
}

#[cfg(test)]
mod tests;
