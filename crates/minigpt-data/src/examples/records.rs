//! Records with the lines that they stand in: JSON lines, a JSON list, or a table.

use std::path::Path;

use serde_json::{Deserializer, Map, Value};

use crate::DataError;
use crate::files::{Packing, open, read_error};
use crate::records::kind_of;

/// Named values, and where in the file they begin.
pub(super) struct Record {
    pub(super) line: u64,
    fields: Map<String, Value>,
}

/// What is wrong in which line.
type Wrong = (u64, String);

impl Record {
    /// The text in a field, which must be there and have more than white space in it.
    pub(super) fn text(&self, field: &str) -> Result<&str, String> {
        match self.optional_text(field)? {
            Some(text) => Ok(text),
            None if self.fields.contains_key(field) => {
                Err(format!("an empty {field:?}: expected some text"))
            }
            None => {
                let names: Vec<&str> = self.fields.keys().map(String::as_str).collect();
                Err(format!("no field {field:?} among {names:?}"))
            }
        }
    }

    /// The text in a field, if it is there and has more than white space in it.
    pub(super) fn optional_text(&self, field: &str) -> Result<Option<&str>, String> {
        match self.fields.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.trim()).filter(|text| !text.is_empty())),
            Some(other) => Err(format!("{field:?} is {}: expected a string", kind_of(other))),
        }
    }

    /// As [`text`](Self::text), and numbers and truth values as they are written: labels often are
    /// some.
    pub(super) fn name(&self, field: &str) -> Result<String, String> {
        match self.fields.get(field) {
            Some(value @ (Value::Number(_) | Value::Bool(_))) => Ok(value.to_string()),
            _ => self.text(field).map(str::to_owned),
        }
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
pub(super) fn read(path: &Path) -> Result<Vec<Record>, DataError> {
    if !path.try_exists()? {
        return Err(DataError::Missing { path: path.to_owned() });
    }
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes).map_err(|error| read_error(path, error))?;
    let text = String::from_utf8(bytes).map_err(|error| DataError::NotText {
        path: path.to_owned(),
        found: "invalid UTF-8",
        offset: error.utf8_error().valid_up_to(),
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let name = path.to_string_lossy();
    let records = match Packing::of(&name).1.rsplit_once('.') {
        Some((_, "csv")) => table(text, b','),
        Some((_, "tsv")) => table(text, b'\t'),
        _ if text.trim_start().starts_with('[') => list(text),
        _ => lines(text),
    };
    let records = records.map_err(|(line, reason)| bad_example(path, line, reason))?;
    if records.is_empty() {
        return Err(DataError::NoExamples { path: path.to_owned() });
    }
    Ok(records)
}

pub(super) fn bad_example(path: &Path, line: u64, reason: String) -> DataError {
    DataError::BadExample { path: path.to_owned(), line, reason }
}

fn record(line: u64, value: Value) -> Result<Record, Wrong> {
    match value {
        Value::Object(fields) => Ok(Record { line, fields }),
        other => Err((line, format!("{} instead of an object", kind_of(&other)))),
    }
}

/// An object a line.
fn lines(text: &str) -> Result<Vec<Record>, Wrong> {
    let numbered = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    numbered
        .map(|(number, line)| {
            let value = serde_json::from_str(line).map_err(|error| (number, in_words(&error)))?;
            record(number, value)
        })
        .collect()
}

/// Objects in a list, each with the line in which it begins.
fn list(text: &str) -> Result<Vec<Record>, Wrong> {
    let mut at = Place { text, offset: 0, line: 1 };
    at.pass('[');
    let mut records = Vec::new();
    while !at.pass(']') {
        let mut values = Deserializer::from_str(at.rest()).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) => records.push(record(at.line, value)?),
            Some(Err(error)) => return Err((at.line + error.line() as u64 - 1, in_words(&error))),
            None => return Err((at.line, "the list has no end: expected `]`".to_owned())),
        }
        let length = values.byte_offset();
        at.advance(length);
        if !at.pass(',') && !at.rest().starts_with(']') {
            return Err((at.line, "expected `,` or `]` after an object of the list".to_owned()));
        }
    }
    match at.rest() {
        "" => Ok(records),
        _ => Err((at.line, "expected nothing after the list's `]`".to_owned())),
    }
}

/// A place in a text, with its line.
struct Place<'a> {
    text: &'a str,
    offset: usize,
    line: u64,
}

impl<'a> Place<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.offset..]
    }

    fn advance(&mut self, bytes: usize) {
        let passed = &self.rest()[..bytes];
        self.line += passed.matches('\n').count() as u64;
        self.offset += bytes;
    }

    /// Passes over white space, then over `expected`, if that is what comes, and white space again.
    fn pass(&mut self, expected: char) -> bool {
        self.pass_blanks();
        let is_there = self.rest().starts_with(expected);
        if is_there {
            self.advance(expected.len_utf8());
            self.pass_blanks();
        }
        is_there
    }

    fn pass_blanks(&mut self) {
        let rest = self.rest();
        self.advance(rest.len() - rest.trim_start().len());
    }
}

/// Rows below a row of names.
fn table(text: &str, delimiter: u8) -> Result<Vec<Record>, Wrong> {
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(text.as_bytes());
    let wrong = |error: csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        let reason = match error.kind() {
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                format!("{len} values instead of the {expected_len} that the first line names")
            }
            _ => error.to_string(),
        };
        (line, reason)
    };
    let names = reader.headers().map_err(wrong)?.clone();
    let of_row = |row: csv::Result<csv::StringRecord>| {
        let row = row.map_err(wrong)?;
        let line = row.position().map_or(1, csv::Position::line);
        let fields = names.iter().zip(&row);
        let fields = fields.map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
        Ok(Record { line, fields })
    };
    reader.records().map(of_row).collect()
}

/// What serde_json says, without the place, which it counts from where it began.
fn in_words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or(&text).to_owned()
}
