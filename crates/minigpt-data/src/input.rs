//! One file to documents, whatever its format.

use std::io::Read;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::files::{Packing, open, open_embedded, read_error};
use crate::records::{Lines, visit_jsonl, visit_parquet};
use crate::text::{BadBytes, visit_text};
use crate::{DataError, ReadOptions};

/// A stretch of a document, or its end. Between two stretches of one document every tokenizer of
/// this crate cuts anyway, so that a document never has to be in memory as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    Text(&'a str),
    End,
}

/// Takes the parts of documents one by one.
pub(crate) type Sink<'s> = dyn FnMut(Part<'_>) -> Result<(), DataError> + 's;

/// A file to read documents from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    File(PathBuf),
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
    Parquet,
}

/// The extensions by which files are found in a folder.
const EXTENSIONS: [(&str, Format); 5] = [
    ("txt", Format::Text),
    ("md", Format::Text),
    ("jsonl", Format::Jsonl),
    ("ndjson", Format::Jsonl),
    ("parquet", Format::Parquet),
];

/// The format that a file name tells of, if it does.
fn format_of(name: &str) -> Option<Format> {
    let (_, extension) = Packing::of(name).1.rsplit_once('.')?;
    EXTENSIONS.iter().find(|(known, _)| *known == extension).map(|(_, format)| *format)
}

/// Whether a file of this name in a folder is data.
pub(crate) fn is_data_name(name: &str) -> bool {
    !name.starts_with('.') && format_of(name).is_some()
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
    /// Gives the documents of the file to `sink`, those of nothing but white space left out.
    pub(crate) fn visit(
        &self,
        options: &ReadOptions,
        sink: &mut Sink<'_>,
    ) -> Result<(), DataError> {
        let bad_bytes = bad_bytes(options);
        let mut blank = BlankDocuments { leading: String::new(), has_ink: false };
        let mut sink = |part: Part<'_>| blank.pass(part, sink);
        let path = match self {
            Self::Embedded { name, bytes } => {
                let reader = open_embedded(name, bytes)?;
                return visit_text(Path::new(name), reader, bad_bytes, &mut sink);
            }
            Self::File(path) => path,
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let format = format_of(&name).unwrap_or(Format::Text);
        if format == Format::Text {
            return visit_text(path, open(path)?, bad_bytes, &mut sink);
        }
        if !options.lines {
            return visit_records(path, format, options, &mut sink);
        }
        let mut lines = Lines::new(&mut sink);
        visit_records(path, format, options, &mut |part| lines.push(part))?;
        lines.finish()
    }
}

/// Gives a document per record.
fn visit_records(
    path: &Path,
    format: Format,
    options: &ReadOptions,
    sink: &mut Sink<'_>,
) -> Result<(), DataError> {
    let (field, bad_bytes) = (&options.text_field, bad_bytes(options));
    if format == Format::Jsonl {
        return visit_jsonl(path, open(path)?, field, bad_bytes, sink);
    }
    // Parquet is read from its end: a packed one has to be in memory.
    if Packing::of(&path.to_string_lossy()).0.is_some() {
        let mut bytes = Vec::new();
        open(path)?.read_to_end(&mut bytes).map_err(|error| read_error(path, error))?;
        return visit_parquet(path, Bytes::from(bytes), field, bad_bytes, sink);
    }
    let (file, _) = fs_err::File::open(path)?.into_parts();
    visit_parquet(path, file, field, bad_bytes, sink)
}

fn bad_bytes(options: &ReadOptions) -> BadBytes {
    if options.lossy { BadBytes::Replace } else { BadBytes::Refuse }
}

/// Leaves out documents of nothing but white space.
struct BlankDocuments {
    /// White space at the start of a document, until something follows.
    leading: String,
    has_ink: bool,
}

impl BlankDocuments {
    fn pass(&mut self, part: Part<'_>, sink: &mut Sink<'_>) -> Result<(), DataError> {
        match part {
            Part::Text("") => Ok(()),
            Part::Text(text) if self.has_ink => sink(Part::Text(text)),
            Part::Text(text) if text.trim().is_empty() => {
                self.leading.push_str(text);
                Ok(())
            }
            Part::Text(text) => {
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
                if std::mem::take(&mut self.has_ink) { sink(Part::End) } else { Ok(()) }
            }
        }
    }
}
