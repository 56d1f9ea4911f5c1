//! Whole rows of a `.parquet` file, lists and structures included, as JSON.

use std::path::Path;
use std::sync::Arc;

use parquet::basic::Type as PhysicalType;
use parquet::bloom_filter::Sbbf;
use parquet::column::page::PageReader;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::{ChunkReader, RowGroupReader};
use parquet::record::reader::{RowIter, TreeBuilder};
use parquet::record::{Field, Row};
use parquet::schema::types::{SchemaDescriptor, Type};
use serde_json::{Map, Value};

use super::pages::BoundedPages;
use super::{ROWS, guarded, read_footer};
use crate::DataError;
use crate::quote::listed;

/// Values of a column in one group of rows: writers make groups of some thousand rows.
const VALUES: i64 = 4 << 20;

/// Bytes of text of a column in one group of rows. Few bytes of a dictionary can stand for many.
const TEXT: usize = 1 << 30;

/// Takes a row's number, counted from 1, and its fields.
pub(crate) type RowSink<'s> =
    dyn FnMut(u64, Map<String, Value>) -> std::result::Result<(), DataError> + 's;

/// Gives each row with those of the fields `wanted` that the file has.
pub(crate) fn visit_parquet_rows(
    name: &Path,
    file: impl ChunkReader + 'static,
    wanted: &[&str],
    sink: &mut RowSink<'_>,
) -> std::result::Result<(), DataError> {
    let bad = |reason: String| DataError::BadParquet { path: name.to_owned(), reason };
    let file = Arc::new(file);
    let metadata = guarded(|| read_footer(&*file)).map_err(bad)?;
    let schema = Arc::new(projected(&metadata, wanted).map_err(bad)?);
    let mut number = 0;
    for group in 0..metadata.num_row_groups() {
        let group = Group { file: Arc::clone(&file), metadata: metadata.row_group(group) };
        guarded(|| group.check(&schema)).map_err(bad)?;
        let rows = guarded(|| {
            TreeBuilder::new().with_batch_size(ROWS).as_iter(Arc::clone(&schema), &group)
        });
        let mut rows = rows.map_err(bad)?;
        while let Some(row) = guarded(|| rows.next().transpose()).map_err(bad)? {
            number += 1;
            let fields = object(&row).map_err(|reason| bad(format!("row {number}: {reason}")))?;
            sink(number, fields)?;
        }
    }
    Ok(())
}

/// The schema of the wanted columns alone.
fn projected(
    metadata: &ParquetMetaData,
    wanted: &[&str],
) -> std::result::Result<SchemaDescriptor, String> {
    let root = metadata.file_metadata().schema_descr().root_schema();
    let fields = root.get_fields();
    let chosen: Vec<_> =
        fields.iter().filter(|field| wanted.contains(&field.name())).cloned().collect();
    if chosen.is_empty() {
        let (names, wanted) = (listed(fields.iter().map(|field| field.name())), listed(wanted));
        return Err(format!("no column among {names} is one of {wanted}"));
    }
    let root = Type::group_type_builder(root.name()).with_fields(chosen).build();
    root.map(|root| SchemaDescriptor::new(Arc::new(root))).map_err(|error| error.to_string())
}

/// A group of rows whose pages are bounded.
struct Group<'m, R> {
    file: Arc<R>,
    metadata: &'m RowGroupMetaData,
}

impl<R: ChunkReader + 'static> Group<'_, R> {
    /// Looks at what the wanted columns will take before they are put together.
    fn check(&self, schema: &SchemaDescriptor) -> Result<()> {
        for (number, column) in self.metadata.columns().iter().enumerate() {
            if !schema.columns().iter().any(|wanted| wanted.path() == column.column_path()) {
                continue;
            }
            let values = column.num_values();
            if values > VALUES {
                let reason = format!(
                    "a group of rows with {values} values in a column: expected {VALUES} at most, write smaller groups"
                );
                return Err(ParquetError::General(reason));
            }
            if column.column_descr().physical_type() == PhysicalType::BYTE_ARRAY {
                self.check_text(number)?;
            }
        }
        Ok(())
    }

    fn check_text(&self, number: usize) -> Result<()> {
        let ColumnReader::ByteArrayColumnReader(mut reader) = self.get_column_reader(number)?
        else {
            return Ok(());
        };
        let (mut bytes, mut values) = (0_usize, 0_i64);
        loop {
            let (read, levels, texts) = read_batch(&mut reader)?;
            values = values.saturating_add(i64::try_from(levels)?);
            bytes = texts.iter().fold(bytes, |sum, text| sum.saturating_add(text.len()));
            if bytes > TEXT || values > VALUES {
                let reason = "a group of rows with more than a gibibyte of text or four million values in a column: \
                              write smaller groups";
                return Err(ParquetError::General(reason.to_owned()));
            }
            if read == 0 {
                return Ok(());
            }
        }
    }
}

/// Records read, the levels of their values, and the values.
fn read_batch(
    reader: &mut ColumnReaderImpl<ByteArrayType>,
) -> Result<(usize, usize, Vec<ByteArray>)> {
    let (mut definitions, mut repetitions, mut texts) = (Vec::new(), Vec::new(), Vec::new());
    let (records, _, levels) =
        reader.read_records(ROWS, Some(&mut definitions), Some(&mut repetitions), &mut texts)?;
    Ok((records, levels, texts))
}

impl<R: ChunkReader + 'static> RowGroupReader for Group<'_, R> {
    fn metadata(&self) -> &RowGroupMetaData {
        self.metadata
    }

    fn num_columns(&self) -> usize {
        self.metadata.num_columns()
    }

    fn get_column_page_reader(&self, number: usize) -> Result<Box<dyn PageReader>> {
        let rows = usize::try_from(self.metadata.num_rows())?;
        let column = self.metadata.column(number);
        Ok(Box::new(BoundedPages::new(Arc::clone(&self.file), column, rows)?))
    }

    fn get_column_bloom_filter(&self, _: usize) -> Option<&Sbbf> {
        None
    }

    fn get_row_iter(&self, _: Option<Type>) -> Result<RowIter<'_>> {
        Err(ParquetError::General("rows are read by their schema".to_owned()))
    }
}

fn object(row: &Row) -> std::result::Result<Map<String, Value>, String> {
    let mut fields = Map::new();
    for (name, field) in row.get_column_iter() {
        fields.insert(name.clone(), value(field)?);
    }
    Ok(fields)
}

fn value(field: &Field) -> std::result::Result<Value, String> {
    Ok(match field {
        Field::Null => Value::Null,
        Field::Bool(value) => Value::from(*value),
        Field::Byte(value) => Value::from(*value),
        Field::Short(value) => Value::from(*value),
        Field::Int(value) | Field::Date(value) | Field::TimeMillis(value) => Value::from(*value),
        Field::Long(value)
        | Field::TimeMicros(value)
        | Field::TimestampMillis(value)
        | Field::TimestampMicros(value) => Value::from(*value),
        Field::UByte(value) => Value::from(*value),
        Field::UShort(value) => Value::from(*value),
        Field::UInt(value) => Value::from(*value),
        Field::ULong(value) => Value::from(*value),
        Field::Float16(value) => Value::from(value.to_f32()),
        Field::Float(value) => Value::from(*value),
        Field::Double(value) => Value::from(*value),
        Field::Str(text) => Value::from(text.as_str()),
        Field::Bytes(bytes) => match std::str::from_utf8(bytes.data()) {
            Ok(text) => Value::from(text),
            Err(error) => return Err(format!("invalid UTF-8 at byte {}", error.valid_up_to())),
        },
        Field::Group(row) => Value::Object(object(row)?),
        Field::ListInternal(list) => {
            list.elements().iter().map(value).collect::<std::result::Result<_, _>>()?
        }
        Field::MapInternal(map) => {
            let mut fields = Map::new();
            for (key, entry) in map.entries() {
                let key = match value(key)? {
                    Value::String(key) => key,
                    other => other.to_string(),
                };
                fields.insert(key, value(entry)?);
            }
            Value::Object(fields)
        }
        Field::Decimal(_) => return Err("a decimal number: expected text or a float".to_owned()),
    })
}
