//! Records with the lines that they stand in: JSON lines, a JSON list, or a table.

use std::path::{Path, PathBuf};

use minigpt_files::{Bounded, Limit};
use serde_json::{Map, Value};

use crate::files::{DataFile, read_error};
use crate::input::{bad_bytes, dialect_of};
use crate::json::{kind_of, object_of_record, visit_list_or_lines};
use crate::quote::{listed, shortened};
use crate::table::{Dialect, Table, TableError};
use crate::{DataError, ReadOptions};

/// Examples are held in memory; of the largest sets that models are tuned with, a tenth of it.
const EXAMPLES: Limit = Limit::new(1 << 30, "examples, which are held in memory: give fewer");

/// Named values, and where in the file they begin.
pub(super) struct Record {
    pub(super) line: u64,
    fields: Map<String, Value>,
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

    /// A field's value as JSON, unless it is missing or null.
    pub(super) fn json(&self, field: &str) -> Option<String> {
        self.fields.get(field).filter(|value| !value.is_null()).map(Value::to_string)
    }

    /// The records in a list of this one.
    pub(super) fn list(&self, field: &str) -> Result<Option<Vec<Self>>, String> {
        let of_value = |value: &Value| match value {
            Value::Object(fields) => Ok(Self { line: self.line, fields: fields.clone() }),
            other => Err(format!("{} in {field:?}: expected objects", kind_of(other))),
        };
        match self.fields.get(field) {
            None => Ok(None),
            Some(Value::Array(values)) => {
                values.iter().map(of_value).collect::<Result<_, _>>().map(Some)
            }
            Some(other) => Err(format!("{field:?} is {}: expected a list", kind_of(other))),
        }
    }
}

/// All records of a file; what they are, the name and the first character tell.
pub(super) fn read(path: &Path, options: &ReadOptions) -> Result<Vec<Record>, DataError> {
    if !path.try_exists()? {
        return Err(DataError::Missing { path: path.to_owned() });
    }
    let records = match dialect_of(path) {
        Some(dialect) => table(path, dialect, options)?,
        None => objects(path, options)?,
    };
    if records.is_empty() {
        return Err(DataError::NoExamples { path: path.to_owned() });
    }
    Ok(records)
}

/// A file's bytes, unpacked.
fn open(path: &Path) -> Result<impl std::io::Read + use<>, DataError> {
    let file = DataFile::from(PathBuf::from(path));
    Ok(Bounded::new(file.open()?, EXAMPLES, path.display()))
}

pub(super) fn bad_example(path: &Path, line: u64, reason: String) -> DataError {
    DataError::BadExample { path: path.to_owned(), line, reason }
}

/// Objects, one a line or in a list.
fn objects(path: &Path, options: &ReadOptions) -> Result<Vec<Record>, DataError> {
    let bad_bytes = bad_bytes(options);
    let wrong = |line: u64, reason: String| bad_example(path, line, reason);
    let mut records = Vec::new();
    visit_list_or_lines(path, open(path)?, bad_bytes, &wrong, &mut |line, json| {
        let fields = object_of_record(json, bad_bytes).map_err(|reason| wrong(line, reason))?;
        records.push(Record { line, fields });
        Ok(())
    })?;
    Ok(records)
}

/// Rows below a row of names.
fn table(path: &Path, dialect: Dialect, options: &ReadOptions) -> Result<Vec<Record>, DataError> {
    let wrong = |error| match error {
        TableError::Io(error) => read_error(path, error),
        TableError::Wrong(line, reason) => bad_example(path, line, reason),
    };
    let dialect = dialect.separated_by(options.separator);
    let mut table = Table::open(open(path)?, dialect).map_err(wrong)?;
    let mut records = Vec::new();
    while let Some((line, values)) = table.next_row().map_err(wrong)? {
        let mut fields = Map::new();
        for (name, value) in table.names().iter().zip(values) {
            let value = bad_bytes(options).text_of(value).map_err(|at| {
                let name = shortened(name);
                bad_example(path, line, format!("invalid UTF-8 at byte {at} of {name:?}"))
            })?;
            fields.insert(name.clone(), Value::from(value));
        }
        records.push(Record { line, fields });
    }
    Ok(records)
}
