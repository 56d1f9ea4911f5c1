//! One file to documents, whatever its format.

use std::io::{Read, Write};
use std::path::Path;

use minigpt_files::{Bounded, Limit};

use crate::columns::visit_parquet;
use crate::files::{DataFile, Packing, open_embedded, read_error};
use crate::json::{text_of_record, visit_lines, visit_list_or_lines};
use crate::lines::Lines;
use crate::part::{Part, Sink};
use crate::quote::listed;
use crate::table::{Dialect, Table, TableError};
use crate::text::{BadBytes, visit_text};
use crate::{DataError, ReadOptions};

/// A file to read documents from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    File(DataFile),
    /// A text in the program itself; the name tells how it is packed.
    Embedded {
        name: &'static str,
        bytes: &'static [u8],
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Text,
    Jsonl,
    /// A list, or lines after all.
    Json,
    Table(Dialect),
    Parquet,
}

/// The extensions by which files are found in a folder.
const FOUND: [(&str, Format); 5] = [
    ("txt", Format::Text),
    ("md", Format::Text),
    ("jsonl", Format::Jsonl),
    ("ndjson", Format::Jsonl),
    ("parquet", Format::Parquet),
];

/// Those of files that are data where they are named: beside texts they are mostly about these.
const NAMED: [(&str, Format); 3] = [
    ("json", Format::Json),
    ("csv", Format::Table(Dialect::COMMAS)),
    ("tsv", Format::Table(Dialect::TABS)),
];

/// The format that the end of a file name tells of, if it is one of these.
fn format_among(formats: &[(&str, Format)], name: &str) -> Option<Format> {
    let (_, extension) = Packing::of(name).1.rsplit_once('.')?;
    let mut formats = formats.iter();
    formats.find(|(known, _)| known.eq_ignore_ascii_case(extension)).map(|(_, format)| *format)
}

/// The dialect of a table, if a file's name tells of one.
pub(crate) fn dialect_of(name: &Path) -> Option<Dialect> {
    match format_among(&NAMED, &name.to_string_lossy()) {
        Some(Format::Table(dialect)) => Some(dialect),
        _ => None,
    }
}

/// Whether a file's name tells of Parquet.
pub(crate) fn is_parquet(name: &Path) -> bool {
    format_among(&FOUND, &name.to_string_lossy()) == Some(Format::Parquet)
}

/// Whether a file of this name in a folder holds records.
pub(crate) fn is_record_name(name: &str) -> bool {
    let format = format_among(&FOUND, name).or_else(|| format_among(&NAMED, name));
    !name.starts_with('.') && format.is_some_and(|format| format != Format::Text)
}

/// Whether a file of this name in a folder is data.
pub(crate) fn is_data_name(name: &str) -> bool {
    !name.starts_with('.') && format_among(&FOUND, name).is_some()
}

/// A file name without its packing and without the extension before it.
pub(crate) fn stem(name: &str) -> &str {
    let plain = Packing::of(name).1;
    match plain.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => plain,
    }
}

impl Input {
    /// What errors call it.
    pub(crate) fn name(&self) -> &Path {
        match self {
            Self::File(file) => &file.name,
            Self::Embedded { name, .. } => Path::new(name),
        }
    }

    /// Gives the documents of the file to `sink`, those of nothing but white space left out.
    pub(crate) fn visit(
        &self,
        options: &ReadOptions,
        sink: &mut Sink<'_>,
    ) -> Result<(), DataError> {
        let mut blank = BlankDocuments::new(self.name());
        let mut sink = |part: Part<'_>| blank.pass(part, sink);
        let bad_bytes = bad_bytes(options);
        let file = match self {
            Self::Embedded { name, bytes } => {
                let reader = open_embedded(name, bytes)?;
                return visit_text(Path::new(name), reader, bad_bytes, &mut sink);
            }
            Self::File(file) => file,
        };
        let name = file.name.to_string_lossy();
        let format = format_among(&FOUND, &name).or_else(|| format_among(&NAMED, &name));
        let format = format.unwrap_or(Format::Text);
        if format == Format::Text {
            return visit_text(&file.name, file.open()?, bad_bytes, &mut sink);
        }
        if !options.lines {
            return visit_records(file, format, options, &mut sink);
        }
        let mut lines = Lines::new(&mut sink);
        visit_records(file, format, options, &mut |part| lines.push(part))?;
        lines.finish()
    }
}

/// Gives a document per record.
fn visit_records(
    file: &DataFile,
    format: Format,
    options: &ReadOptions,
    sink: &mut Sink<'_>,
) -> Result<(), DataError> {
    let (name, field, bad_bytes) = (&file.name, &options.text_field, bad_bytes(options));
    let wrong = |line: u64, reason: String| DataError::BadLine {
        path: name.clone(),
        line,
        reason,
        field: field.clone(),
    };
    let mut give = |line: u64, json: &[u8]| {
        let text = text_of_record(json, field, bad_bytes).map_err(|reason| wrong(line, reason))?;
        let Some(text) = text else { return sink(Part::Missing) };
        sink(Part::Text(&text))?;
        sink(Part::End)
    };
    match format {
        Format::Text | Format::Jsonl => visit_lines(name, file.open()?, &mut give),
        Format::Json => visit_list_or_lines(name, file.open()?, bad_bytes, &wrong, &mut give),
        Format::Table(dialect) => visit_table(file, dialect, options, sink),
        Format::Parquet => {
            let parquet = open_parquet(file)?;
            visit_parquet(name, parquet, field, bad_bytes, sink)
        }
    }
}

/// Gives a document per row: the value in the column of the text.
fn visit_table(
    file: &DataFile,
    dialect: Dialect,
    options: &ReadOptions,
    sink: &mut Sink<'_>,
) -> Result<(), DataError> {
    let wrong = |error| match error {
        TableError::Io(error) => read_error(&file.name, error),
        TableError::Wrong(line, reason) => {
            DataError::BadExample { path: file.name.clone(), line, reason }
        }
    };
    let bad = |line, reason| wrong(TableError::Wrong(line, reason));
    let dialect = dialect.separated_by(options.separator);
    let mut table = Table::open(file.open()?, dialect).map_err(wrong)?;
    let field = &options.text_field;
    let column = table.names().iter().position(|name| name == field);
    let column = column.ok_or_else(|| {
        let names = listed(table.names());
        bad(1, format!("no column {field:?} among {names}; name the one with the text"))
    })?;
    while let Some((line, mut values)) = table.next_row().map_err(wrong)? {
        let value = std::mem::take(&mut values[column]);
        let text = bad_bytes(options).text_of(value);
        let text =
            text.map_err(|at| bad(line, format!("invalid UTF-8 at byte {at} of {field:?}")))?;
        sink(Part::Text(&text))?;
        sink(Part::End)?;
    }
    Ok(())
}

/// What a packed `.parquet` file may always unpack to.
const UNPACKED: u64 = 256 << 20;

/// A `.parquet` file is read from its end: a packed one is unpacked into a temporary file first. Since
/// it is packed inside, it hardly becomes larger; one that does is not written on.
pub(crate) fn open_parquet(file: &DataFile) -> Result<std::fs::File, DataError> {
    if file.packing().is_none() {
        let (file, _) = minigpt_files::open(&file.path)?.into_parts();
        return Ok(file);
    }
    let length = minigpt_files::open(&file.path)?.metadata()?.len();
    let limit = length.saturating_mul(8).max(UNPACKED);
    let limit = Limit::new(limit, "a .parquet file that is packed to so few");
    let mut packed = Bounded::new(file.open()?, limit, file.name.display());
    let mut start = Vec::new();
    let failed = |error| read_error(&file.name, error);
    (&mut packed).take(4).read_to_end(&mut start).map_err(failed)?;
    if start != b"PAR1" {
        let reason = "its unpacked bytes do not begin with \"PAR1\"".to_owned();
        return Err(DataError::BadParquet { path: file.name.clone(), reason });
    }
    let mut unpacked = tempfile::tempfile()?;
    unpacked.write_all(&start)?;
    std::io::copy(&mut packed, &mut unpacked).map_err(failed)?;
    Ok(unpacked)
}

/// What becomes of invalid UTF-8.
pub(crate) fn bad_bytes(options: &ReadOptions) -> BadBytes {
    if options.lossy { BadBytes::Replace } else { BadBytes::Refuse }
}

/// White space at a document's start at most; what is longer is no document's.
const LEADING: Limit = Limit::new(1 << 20, "the white space before a document's first word");

/// Leaves out documents of nothing but white space.
struct BlankDocuments<'a> {
    name: &'a Path,
    /// White space at the start of a document, until something follows: no more than [`LEADING`] of it.
    leading: String,
    /// Bytes of it.
    bytes: u64,
    has_ink: bool,
}

impl<'a> BlankDocuments<'a> {
    fn new(name: &'a Path) -> Self {
        Self { name, leading: String::new(), bytes: 0, has_ink: false }
    }

    fn pass(&mut self, part: Part<'_>, sink: &mut Sink<'_>) -> Result<(), DataError> {
        match part {
            Part::Text("") => Ok(()),
            Part::Text(text) if self.has_ink => sink(Part::Text(text)),
            Part::Text(text) if text.trim().is_empty() => {
                self.bytes += text.len() as u64;
                if self.bytes <= LEADING.bytes() {
                    self.leading.push_str(text);
                }
                Ok(())
            }
            Part::Text(text) => {
                if self.bytes > LEADING.bytes() {
                    return Err(DataError::Io(LEADING.exceeded(self.name.display())));
                }
                self.has_ink = true;
                if self.leading.is_empty() {
                    return sink(Part::Text(text));
                }
                self.leading.push_str(text);
                let text = std::mem::take(&mut self.leading);
                sink(Part::Text(&text))
            }
            Part::End => {
                self.leading.clear();
                self.bytes = 0;
                if std::mem::take(&mut self.has_ink) { sink(Part::End) } else { Ok(()) }
            }
            Part::Missing => sink(part),
        }
    }
}
