//! Documents in a column of a `.parquet` file.

mod pages;
mod rows;
mod thrift;

use std::borrow::Cow;
use std::path::Path;
use std::str::Utf8Error;
use std::sync::Arc;

use minigpt_files::caught;
use parquet::basic::{ConvertedType, Type as PhysicalType};
use parquet::column::reader::get_column_reader;
use parquet::column::reader::{ColumnReaderImpl, get_typed_column_reader};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use parquet::file::reader::ChunkReader;
use parquet::schema::types::{ColumnDescPtr, SchemaDescriptor};

pub(crate) use self::rows::visit_parquet_rows;

use self::pages::BoundedPages;
use crate::DataError;
use crate::part::{Part, Sink};
use crate::quote::listed;
use crate::text::BadBytes;

/// Rows read at a time.
const ROWS: usize = 64;

/// Bytes with which a file ends: the length of its footer, and "PAR1".
const TAIL: u64 = 8;

/// Gives one document per row: the string in column `field`. Rows without one are counted.
///
/// The column is read as bytes, because the library's rows refuse bad ones by themselves. Damage can
/// make the library panic, and ask for memory that no file of its size can need: the one becomes an
/// error, the other is found out before.
pub(crate) fn visit_parquet(
    name: &Path,
    file: impl ChunkReader + 'static,
    field: &str,
    bad_bytes: BadBytes,
    sink: &mut Sink<'_>,
) -> Result<(), DataError> {
    let bad = |reason: String| DataError::BadParquet { path: name.to_owned(), reason };
    let file = Arc::new(file);
    let metadata = guarded(|| read_footer(&*file)).map_err(bad)?;
    let schema = metadata.file_metadata().schema_descr();
    let column = text_column(schema, field).map_err(bad)?;
    let present = schema.column(column).max_def_level();
    let mut rows_before = 0;
    for group in 0..metadata.num_row_groups() {
        let mut reader = guarded(|| column_reader(&file, &metadata, group, column)).map_err(bad)?;
        loop {
            let (mut levels, mut texts) = (Vec::new(), Vec::new());
            let rows = guarded(|| read_rows(&mut reader, &mut levels, &mut texts)).map_err(bad)?;
            if rows == 0 {
                break;
            }
            let mut texts = texts.iter();
            for row in 0..rows {
                // A column that must have a text in each row has no levels.
                let is_present = levels.get(row).is_none_or(|level| *level == present);
                let Some(text) = is_present.then(|| texts.next()).flatten() else {
                    sink(Part::Missing)?;
                    continue;
                };
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

/// What the library makes of the file, in words where it fails or panics.
fn guarded<T>(read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, String> {
    caught(read)?.map_err(|error| error.to_string())
}

type TextReader = ColumnReaderImpl<ByteArrayType>;

fn read_footer(file: &impl ChunkReader) -> Result<ParquetMetaData, ParquetError> {
    let damaged = |reason: &str| ParquetError::General(reason.to_owned());
    let length = file.len();
    let tail = length.checked_sub(TAIL).ok_or_else(|| damaged("it is too short"))?;
    let bytes = file.get_bytes(tail, TAIL as usize)?;
    let footer = bytes.first_chunk::<4>().map_or(0, |length| u32::from_le_bytes(*length));
    let start = tail
        .checked_sub(u64::from(footer))
        .ok_or_else(|| damaged("its footer is longer than the file"))?;
    // The library makes room for the children that an element of the schema says it has.
    if bytes.ends_with(b"PAR1") {
        let (children, elements) = thrift::schema_counts(&file.get_bytes(start, footer as usize)?)?;
        if u64::try_from(children).is_ok_and(|children| children >= elements.max(1)) {
            return Err(damaged("its schema has more children than elements"));
        }
    }
    ParquetMetaDataReader::new().parse_and_finish(file)
}

fn column_reader<R: ChunkReader + 'static>(
    file: &Arc<R>,
    metadata: &ParquetMetaData,
    group: usize,
    column: usize,
) -> Result<TextReader, ParquetError> {
    let group = metadata.row_group(group);
    let rows = usize::try_from(group.num_rows())?;
    let column = group.column(column);
    let pages = BoundedPages::new(Arc::clone(file), column, rows)?;
    let reader = get_column_reader(column.column_descr_ptr(), Box::new(pages));
    Ok(get_typed_column_reader::<ByteArrayType>(reader))
}

/// Reads some rows; tells how many.
fn read_rows(
    reader: &mut TextReader,
    levels: &mut Vec<i16>,
    texts: &mut Vec<ByteArray>,
) -> Result<usize, ParquetError> {
    reader.read_records(ROWS, Some(levels), None, texts).map(|(rows, ..)| rows)
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
        let names = listed(fields.iter().map(|column| column.name()));
        return Err(format!("no column {field:?} among {names}; name the one with the text"));
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
