//! `metrics.csv`: one row per step and one per validation, for people and for plots; the same as
//! TensorBoard's events.

use std::io::{BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use csv::StringRecord;
use fs_err::{File, OpenOptions};
use minigpt_files::excerpt;

use crate::error::TrainError;
use crate::run::RunFolder;
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

/// The first line of a table of preferences.
const PREFERENCES: &str = "split,step,passes,tokens,loss,learning_rate,grad_norm,tokens_per_second,seconds,margin,accuracy";

/// Bytes of a line that is read: nine numbers have fewer.
const LINE: u64 = 1024;

/// Bytes at a table's end in which its last rows are looked for: some hundred lines.
const TAIL: u64 = 1 << 16;

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

/// At most `most` lines of a `metrics.csv` after the first `after`, the names not counted: rows, and for each
/// line that is none what is wrong with it. A run that trains adds lines, so that a reader who has `n` of them
/// asks for those after `n`.
///
/// # Errors
/// [`TrainError::Io`].
pub fn read_metrics_after(
    path: &Path,
    after: usize,
    most: usize,
) -> Result<Vec<Result<Row, String>>, TrainError> {
    let mut table = Table::new(BufReader::new(minigpt_files::open(path)?));
    for _ in 0..after {
        if !table.read_line()? {
            return Ok(Vec::new());
        }
    }
    Ok(table.take(most).collect::<std::io::Result<_>>()?)
}

/// The rows in the last bytes of a `metrics.csv`, as many lines as [`TAIL`] has; lines that are no rows are
/// left out.
pub(crate) fn read_last_rows(path: &Path) -> std::io::Result<Vec<Row>> {
    let mut file = minigpt_files::open(path)?;
    let begin = file.metadata()?.len().saturating_sub(TAIL);
    file.seek(SeekFrom::Start(begin))?;
    let mut table = Table::new(BufReader::new(file));
    if begin > 0 {
        // A part of a line, mostly.
        table.read_line()?;
    }
    let rows: Vec<Result<Row, String>> = table.collect::<std::io::Result<_>>()?;
    Ok(rows.into_iter().flatten().collect())
}

/// The rows of a `metrics.csv` that can be read, and what is wrong with the first invalid line.
pub(crate) fn read_rows(path: &Path) -> std::io::Result<(Vec<Row>, Option<String>)> {
    let (mut rows, mut damage) = (Vec::new(), None);
    for row in Table::new(BufReader::new(minigpt_files::open(path)?)) {
        match row? {
            Ok(row) => rows.push(row),
            Err(reason) => {
                damage.get_or_insert(reason);
            }
        }
    }
    Ok((rows, damage))
}

impl RunFolder {
    /// What of `metrics.csv` those leave out who read what can be read: an error that says how many lines, or that the
    /// file is missing though the run has come to a checkpoint. Nothing of a table that is whole.
    #[must_use]
    pub fn unreadable_rows(&self) -> Option<TrainError> {
        let path = self.metrics_path();
        match damaged_lines(&path) {
            Ok((0, _)) => None,
            Ok((lines, first)) => {
                let lines =
                    if lines == 1 { "a line is".to_owned() } else { format!("{lines} lines are") };
                let reason = format!("{lines} left out; {first}");
                Some(TrainError::Damaged { path, reason })
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let has_begun = !self.checkpoints().is_empty().unwrap_or(true);
                has_begun.then(|| error.into())
            }
            Err(error) => Some(error.into()),
        }
    }
}

/// How many lines of a table are no rows, and what is wrong with the first.
fn damaged_lines(path: &Path) -> std::io::Result<(usize, String)> {
    let (mut lines, mut first) = (0, String::new());
    for row in Table::new(BufReader::new(minigpt_files::open(path)?)) {
        if let Err(reason) = row? {
            if lines == 0 {
                first = reason;
            }
            lines += 1;
        }
    }
    Ok((lines, first))
}

/// The lines of a table in order: rows, or what is wrong with a line.
struct Table<R> {
    reader: R,
    header: StringRecord,
    of_preferences: StringRecord,
    /// The line read last, and its number, counted from 1.
    line: Vec<u8>,
    number: usize,
    /// No line follows.
    has_ended: bool,
}

impl<R: BufRead> Table<R> {
    fn new(reader: R) -> Self {
        let [header, of_preferences] =
            [HEADER, PREFERENCES].map(|names| StringRecord::from_iter(names.split(',')));
        Self { reader, header, of_preferences, line: Vec::new(), number: 0, has_ended: false }
    }

    /// Reads the next line that is not the names; false where there is none.
    fn read_line(&mut self) -> std::io::Result<bool> {
        while !self.has_ended {
            self.number += 1;
            self.line.clear();
            self.reader.by_ref().take(LINE).read_until(b'\n', &mut self.line)?;
            self.has_ended = !self.line.ends_with(b"\n");
            if self.has_ended {
                // Cut off, as the last line may be, or without an end.
                return Ok(self.line.len() as u64 == LINE);
            }
            let is_header =
                [HEADER, PREFERENCES].map(str::as_bytes).contains(&self.line.trim_ascii_end());
            if self.number > 1 || !is_header {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The line read last as a row.
    fn row(&self) -> Result<Row, String> {
        let number = self.number;
        if self.has_ended {
            return Err(format!("line {number} has more than {LINE} bytes"));
        }
        if number == 1 {
            return Err(format!("line 1: expected the names {HEADER}"));
        }
        let text = String::from_utf8_lossy(&self.line);
        let row = StringRecord::from_iter(text.trim_end().split(','));
        let header = match row.len() == self.of_preferences.len() {
            true => &self.of_preferences,
            false => &self.header,
        };
        row.deserialize(Some(header))
            .map_err(|error| format!("line {number}: {}", excerpt(&error.to_string())))
    }
}

impl<R: BufRead> Iterator for Table<R> {
    type Item = std::io::Result<Result<Row, String>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read_line().map(|is_there| is_there.then(|| self.row())).transpose()
    }
}

#[cfg(test)]
mod tests;
