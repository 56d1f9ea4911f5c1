//! Documents in the records of a `.jsonl` or `.parquet` file.

use std::borrow::Cow;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::str::Utf8Error;

use parquet::basic::{ConvertedType, Type as PhysicalType};
use parquet::column::reader::get_typed_column_reader;
use parquet::data_type::ByteArrayType;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, FileReader, SerializedFileReader};
use parquet::schema::types::{ColumnDescPtr, SchemaDescriptor};
use serde_json::Value;

use crate::DataError;
use crate::files::read_error;
use crate::input::{Part, Sink};
use crate::pieces::last_cut;
use crate::text::BadBytes;

/// Gives one document per line: the string in `field` of the JSON object there. Blank lines are
/// passed over.
pub(crate) fn visit_jsonl(
    path: &Path,
    reader: Box<dyn Read + '_>,
    field: &str,
    bad_bytes: BadBytes,
    sink: &mut Sink<'_>,
) -> Result<(), DataError> {
    let mut lines = BufReader::with_capacity(1 << 18, reader);
    let (mut line, mut number) = (Vec::new(), 0);
    loop {
        line.clear();
        number += 1;
        if lines.read_until(b'\n', &mut line).map_err(|error| read_error(path, error))? == 0 {
            return Ok(());
        }
        let json = match number {
            1 => line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&line),
            _ => &line,
        };
        if json.trim_ascii().is_empty() {
            continue;
        }
        let text = text_of_line(json, field, bad_bytes).map_err(|reason| DataError::BadLine {
            path: path.to_owned(),
            line: number,
            reason,
            field: field.to_owned(),
        })?;
        sink(Part::Text(&text))?;
        sink(Part::End)?;
    }
}

fn text_of_line(json: &[u8], field: &str, bad_bytes: BadBytes) -> Result<String, String> {
    let parsed: Result<Value, _> = match bad_bytes {
        BadBytes::Refuse => match std::str::from_utf8(json) {
            Ok(json) => serde_json::from_str(json),
            Err(error) => return Err(format!("invalid UTF-8 at byte {}", error.valid_up_to())),
        },
        BadBytes::Replace => serde_json::from_str(&String::from_utf8_lossy(json)),
    };
    let mut fields = match parsed {
        Ok(Value::Object(fields)) => fields,
        Ok(other) => return Err(format!("{} instead of an object", kind_of(&other))),
        // The library counts lines from the start of this one.
        Err(error) => return Err(error.to_string().replace(" at line 1 column", " at column")),
    };
    match fields.remove(field) {
        Some(Value::String(text)) => Ok(text),
        Some(other) => Err(format!("{field:?} is {}", kind_of(&other))),
        None => {
            let names: Vec<&str> = fields.keys().map(String::as_str).collect();
            Err(format!("no field {field:?} among {names:?}"))
        }
    }
}

pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Rows of a `.parquet` file read at a time.
const ROWS: usize = 1024;

/// Gives one document per row: the string in column `field`. Rows without one are passed over.
///
/// The column is read as bytes, because the library's rows refuse bad ones by themselves.
pub(crate) fn visit_parquet(
    path: &Path,
    file: impl ChunkReader + 'static,
    field: &str,
    bad_bytes: BadBytes,
    sink: &mut Sink<'_>,
) -> Result<(), DataError> {
    let bad = |reason: String| DataError::BadParquet { path: path.to_owned(), reason };
    let damaged = |error: ParquetError| bad(error.to_string());
    let reader = SerializedFileReader::new(file).map_err(damaged)?;
    let schema = reader.metadata().file_metadata().schema_descr();
    let column = text_column(schema, field).map_err(bad)?;
    let present = schema.column(column).max_def_level();
    let mut rows_before = 0;
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group).map_err(damaged)?;
        let column = group.get_column_reader(column).map_err(damaged)?;
        let mut column = get_typed_column_reader::<ByteArrayType>(column);
        loop {
            let (mut levels, mut texts) = (Vec::new(), Vec::new());
            let read = column.read_records(ROWS, Some(&mut levels), None, &mut texts);
            let (rows, ..) = read.map_err(damaged)?;
            if rows == 0 {
                break;
            }
            // A column that must have a text in each row has no levels.
            let with_text = (0..rows).filter(|row| levels.get(*row).is_none_or(|l| *l == present));
            for (row, text) in with_text.zip(&texts) {
                let text = text_of_bytes(text.data(), bad_bytes)
                    .map_err(|error| bad(format!("row {}: {error}", rows_before + row + 1)))?;
                sink(Part::Text(&text))?;
                sink(Part::End)?;
            }
            rows_before += rows;
        }
    }
    Ok(())
}

fn text_of_bytes(bytes: &[u8], bad_bytes: BadBytes) -> Result<Cow<'_, str>, Utf8Error> {
    match bad_bytes {
        BadBytes::Refuse => std::str::from_utf8(bytes).map(Cow::Borrowed),
        BadBytes::Replace => Ok(String::from_utf8_lossy(bytes)),
    }
}

/// The number of the column of that name.
fn text_column(schema: &SchemaDescriptor, field: &str) -> Result<usize, String> {
    let fields = schema.root_schema().get_fields();
    if !fields.iter().any(|column| column.name() == field) {
        let names: Vec<&str> = fields.iter().map(|column| column.name()).collect();
        return Err(format!("no column {field:?} among {names:?}; name the one with the text"));
    }
    let is_text = |column: &ColumnDescPtr| {
        column.path().parts() == [field]
            && column.physical_type() == PhysicalType::BYTE_ARRAY
            && column.max_rep_level() == 0
            && matches!(
                column.converted_type(),
                ConvertedType::NONE
                    | ConvertedType::UTF8
                    | ConvertedType::ENUM
                    | ConvertedType::JSON
            )
    };
    schema
        .columns()
        .iter()
        .position(is_text)
        .ok_or_else(|| format!("column {field:?} holds no strings; name the one with the text"))
}

/// Joins records into one document, each of them a line.
pub(crate) struct Lines<'a, 's> {
    sink: &'a mut Sink<'s>,
    /// Text that was not given yet.
    text: String,
    /// The record so far has the end of its line.
    has_end: bool,
}

/// Bytes of lines gathered before some are given on.
const GATHERED: usize = 1 << 16;

impl<'a, 's> Lines<'a, 's> {
    pub(crate) fn new(sink: &'a mut Sink<'s>) -> Self {
        Self { sink, text: String::new(), has_end: false }
    }

    pub(crate) fn push(&mut self, part: Part<'_>) -> Result<(), DataError> {
        match part {
            Part::Text(record) => {
                self.text.push_str(record);
                self.has_end = record.ends_with('\n');
                return Ok(());
            }
            Part::End if self.has_end => {}
            Part::End => self.text.push('\n'),
        }
        self.has_end = false;
        if self.text.len() < GATHERED {
            return Ok(());
        }
        let Some(cut) = last_cut(&self.text, 0..self.text.len()) else { return Ok(()) };
        (self.sink)(Part::Text(&self.text[..cut]))?;
        self.text.drain(..cut);
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<(), DataError> {
        (self.sink)(Part::Text(&self.text))?;
        (self.sink)(Part::End)
    }
}
