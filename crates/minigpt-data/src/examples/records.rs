//! Records with the lines that they stand in: JSON lines, a JSON list, a table, or the rows of Parquet.

use std::path::Path;
use std::sync::Arc;

use minigpt_files::{Bounded, Limit};
use serde_json::{Map, Value};

use crate::columns::visit_parquet_rows;
use crate::error::unit_of;
use crate::files::{DataFile, read_error};
use crate::input::{bad_bytes, dialect_of, is_parquet, open_parquet};
use crate::json::{kind_of, object_of_record, visit_list_or_lines};
use crate::quote::{listed, shortened};
use crate::table::{Dialect, Table, TableError};
use crate::{DataError, ReadOptions};

/// Examples are held in memory; of the largest sets that models are tuned with, a tenth of it.
const EXAMPLES: Limit = Limit::new(1 << 30, "examples, which are held in memory: give fewer");

/// Columns of Parquet files that examples have; others may be pictures.
const COLUMNS: [&str; 22] = [
    "answer",
    "chosen",
    "completion",
    "context",
    "conversation",
    "conversations",
    "document",
    "input",
    "instruction",
    "label",
    "messages",
    "output",
    "prompt",
    "query",
    "question",
    "rejected",
    "response",
    "summary",
    "system",
    "text",
    "tools",
    "functions",
];

/// Named values, and where they stand.
pub(super) struct Record {
    pub(super) place: FileLine,
    fields: Map<String, Value>,
}

/// Where an example stands: file and line, for messages that name both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileLine {
    /// The file.
    pub path: Arc<Path>,
    /// The line in which it begins, or the row of a `.parquet` file, counted from 1.
    pub line: u64,
}

impl FileLine {
    pub(crate) fn bad(&self, reason: String) -> DataError {
        DataError::BadExample { path: self.path.to_path_buf(), line: self.line, reason }
    }
}

impl std::fmt::Display for FileLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, {} {}", self.path.display(), unit_of(&self.path), self.line)
    }
}

impl Record {
    /// The text in a field as it stands there, which must be more than white space.
    pub(super) fn text(&self, field: &str) -> Result<&str, String> {
        match self.optional_text(field)? {
            Some(text) => Ok(text),
            None if self.fields.contains_key(field) => {
                Err(format!("an empty {field:?}: expected some text"))
            }
            None => Err(format!("no field {field:?} among {}", listed(self.fields.keys()))),
        }
    }

    /// The text in a field as it stands there, if it is there and has more than white space in it.
    pub(super) fn optional_text(&self, field: &str) -> Result<Option<&str>, String> {
        match self.fields.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => {
                Ok(Some(text.as_str()).filter(|text| !text.trim().is_empty()))
            }
            Some(other) => Err(format!("{field:?} is {}: expected a string", kind_of(other))),
        }
    }

    /// As [`text`](Self::text) without the white space around it, and numbers and truth values as they
    /// are written: labels often are some.
    pub(super) fn name(&self, field: &str) -> Result<String, String> {
        match self.fields.get(field) {
            Some(value @ (Value::Number(_) | Value::Bool(_))) => Ok(value.to_string()),
            _ => self.text(field).map(|name| name.trim().to_owned()),
        }
    }

    /// The value of a field, unless it is missing or null. Lists and objects in tables are JSON in a text.
    pub(super) fn value(&self, field: &str) -> Option<std::borrow::Cow<'_, Value>> {
        let value = self.fields.get(field).filter(|value| !value.is_null())?;
        let json = value.as_str().filter(|text| text.trim_start().starts_with(['[', '{']));
        let parsed = json.and_then(|json| serde_json::from_str(json).ok());
        Some(parsed.map_or(std::borrow::Cow::Borrowed(value), std::borrow::Cow::Owned))
    }

    pub(super) fn has(&self, field: &str) -> bool {
        self.fields.get(field).is_some_and(|value| !value.is_null())
    }

    /// The first of these fields that the record has, or the first of all.
    pub(super) fn first_of<'f>(&self, fields: &[&'f str]) -> &'f str {
        fields.iter().find(|field| self.fields.contains_key(**field)).unwrap_or(&fields[0])
    }

    /// What the record has instead of what is expected.
    pub(super) fn names(&self) -> String {
        listed(self.fields.keys())
    }
}

/// A list of messages in a field.
pub(super) fn list<'v>(
    value: &'v Value,
    field: &str,
) -> Result<Vec<&'v Map<String, Value>>, String> {
    let Value::Array(values) = value else {
        return Err(format!("{field:?} is {}: expected a list", kind_of(value)));
    };
    let object = |value: &'v Value| match value {
        Value::Object(fields) => Ok(fields),
        other => Err(format!("{} in {field:?}: expected objects", kind_of(other))),
    };
    values.iter().map(object).collect()
}

/// Takes a record, or why one is none.
pub(super) type RecordSink<'s> =
    dyn FnMut(FileLine, Result<Record, String>) -> Result<(), DataError> + 's;

/// Gives all records of a file; what they are, the name and the first character tell. Where a file cannot be read on,
/// as a table with a quote left open, that is an error.
pub(super) fn visit(
    file: &DataFile,
    options: &ReadOptions,
    sink: &mut RecordSink<'_>,
) -> Result<(), DataError> {
    match dialect_of(&file.name) {
        Some(dialect) => table(file, dialect, options, sink),
        None if is_parquet(&file.name) => rows(file, sink),
        None => objects(file, options, sink),
    }
}

/// A file's bytes, unpacked.
fn open(file: &DataFile) -> Result<impl std::io::Read + use<>, DataError> {
    Ok(Bounded::new(file.open()?, EXAMPLES, file.name.display()))
}

/// The rows of a Parquet file.
fn rows(file: &DataFile, sink: &mut RecordSink<'_>) -> Result<(), DataError> {
    let path: Arc<Path> = file.name.as_path().into();
    let mut bytes = 0;
    visit_parquet_rows(&path, open_parquet(file)?, &COLUMNS, &mut |line, fields| {
        bytes += fields.values().map(size).sum::<u64>();
        if bytes > EXAMPLES.bytes() {
            return Err(DataError::Io(EXAMPLES.exceeded(path.display())));
        }
        let place = FileLine { path: Arc::clone(&path), line };
        sink(place.clone(), Ok(Record { place, fields }))
    })
}

/// About what a value takes in memory.
fn size(value: &Value) -> u64 {
    const EACH: u64 = 32;
    EACH + match value {
        Value::String(text) => text.len() as u64,
        Value::Array(values) => values.iter().map(size).sum(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| name.len() as u64 + size(value)).sum()
        }
        _ => 0,
    }
}

/// Objects, one a line or in a list.
fn objects(
    file: &DataFile,
    options: &ReadOptions,
    sink: &mut RecordSink<'_>,
) -> Result<(), DataError> {
    let bad_bytes = bad_bytes(options);
    let path: Arc<Path> = file.name.as_path().into();
    let place = |line| FileLine { path: Arc::clone(&path), line };
    let wrong = |line: u64, reason: String| place(line).bad(reason);
    visit_list_or_lines(&path, open(file)?, bad_bytes, &wrong, &mut |line, json| {
        let fields = object_of_record(json, bad_bytes);
        sink(place(line), fields.map(|fields| Record { place: place(line), fields }))
    })
}

/// Rows below a row of names.
fn table(
    file: &DataFile,
    dialect: Dialect,
    options: &ReadOptions,
    sink: &mut RecordSink<'_>,
) -> Result<(), DataError> {
    let path: Arc<Path> = file.name.as_path().into();
    let place = |line| FileLine { path: Arc::clone(&path), line };
    let wrong = |error| match error {
        TableError::Io(error) => read_error(&path, error),
        TableError::Wrong(line, reason) => place(line).bad(reason),
    };
    let mut table =
        Table::open(open(file)?, dialect.separated_by(options.separator)).map_err(wrong)?;
    while let Some((line, values)) = table.next_row().map_err(wrong)? {
        let mut fields = Map::new();
        let read = || {
            for (name, value) in table.names().iter().zip(values) {
                let value = bad_bytes(options)
                    .text_of(value)
                    .map_err(|at| format!("invalid UTF-8 at byte {at} of {:?}", shortened(name)))?;
                fields.insert(name.clone(), Value::from(value));
            }
            Ok::<(), String>(())
        };
        let read = read();
        sink(place(line), read.map(|()| Record { place: place(line), fields }))?;
    }
    Ok(())
}
