//! Which texts there are, and what is in them.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use minigpt_files::{Limit, open};

use crate::RetrievalError;

/// A text is in memory with its passages: more than a large library in one file is a mistake.
const TEXT: Limit = Limit::new(1 << 30, "a text");

/// A text to index: a file, or one that the program has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    source: String,
    origin: Origin,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Origin {
    /// With its size, and whether somebody named it, so that it has to be text.
    File {
        path: PathBuf,
        bytes: u64,
        is_named: bool,
    },
    Given(String),
}

/// What reading a text comes to.
pub(crate) enum Reading {
    Text(String),
    /// It has gone since it was found.
    Gone,
    /// It is left out, for this reason.
    Skipped(String),
}

impl Text {
    /// A text that is no file; passages of it are from `source`.
    pub fn given(source: impl Into<String>, text: impl Into<String>) -> Self {
        Self { source: source.into(), origin: Origin::Given(text.into()) }
    }

    fn file(path: &Path, is_named: bool) -> Result<Self, RetrievalError> {
        let bytes = fs_err::metadata(path)?.len();
        let origin = Origin::File { path: path.to_owned(), bytes, is_named };
        Ok(Self { source: path.display().to_string(), origin })
    }

    /// What passages call it: the file's path, as it was named.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// Its size when it was found.
    pub(crate) fn bytes(&self) -> u64 {
        match &self.origin {
            Origin::File { bytes, .. } => *bytes,
            Origin::Given(text) => text.len() as u64,
        }
    }

    pub(crate) fn read(&self) -> Result<Reading, RetrievalError> {
        let (path, is_named) = match &self.origin {
            Origin::Given(text) => return Ok(Reading::Text(text.clone())),
            Origin::File { path, is_named, .. } => (path, *is_named),
        };
        let bytes = match read_text(path) {
            Ok(bytes) => bytes,
            Err(error) if is_named => return Err(error.into()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Reading::Gone),
            Err(error) => return Ok(Reading::Skipped(error.to_string())),
        };
        match text_of(bytes) {
            Ok(text) => Ok(Reading::Text(text)),
            Err(reason) if is_named => Err(RetrievalError::NotText { path: path.clone(), reason }),
            Err(reason) => Ok(Reading::Skipped(reason)),
        }
    }
}

/// Bytes that are read at once.
const BLOCK: usize = 64 << 10;

/// A file's bytes up to the first block with a NUL, which shows that it is not text: a large binary file,
/// or one that is mostly a hole, is not read for nothing.
fn read_text(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = open(path)?;
    let mut bytes = Vec::new();
    loop {
        let start = bytes.len();
        file.by_ref().take(BLOCK as u64).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > TEXT.bytes() {
            return Err(TEXT.exceeded(path.display()));
        }
        if bytes.len() == start || bytes[start..].contains(&0) {
            return Ok(bytes);
        }
    }
}

/// UTF-8 without a byte order mark, or what is wrong with it. NUL is UTF-8, but in no text.
fn text_of(bytes: Vec<u8>) -> Result<String, String> {
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        return Err(format!("a NUL byte at byte {at}"));
    }
    let text = String::from_utf8(bytes)
        .map_err(|error| format!("invalid UTF-8 at byte {}", error.utf8_error().valid_up_to()))?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// The files that `paths` name and, below the folders among them, all that are not hidden, in the
/// order of their names and each once. Nothing below `index` is among them, and no link to a folder
/// is followed. A file of a folder that turns out to be no text is left out by
/// [`update`](crate::update); one that is named has to be text.
///
/// # Errors
/// [`RetrievalError::Missing`], [`RetrievalError::NoText`] where folders have no file, and
/// [`RetrievalError::Io`].
pub fn find_texts(paths: &[PathBuf], index: &Path) -> Result<Vec<Text>, RetrievalError> {
    let index = fs_err::canonicalize(index).ok();
    let mut texts = BTreeMap::new();
    for path in paths {
        if !path.exists() {
            return Err(RetrievalError::Missing { path: path.clone() });
        }
        if path.is_dir() {
            collect(path, index.as_deref(), &mut texts)?;
        } else {
            let text = Text::file(path, true)?;
            texts.insert(text.source.clone(), text);
        }
    }
    if texts.is_empty() && !paths.is_empty() {
        let places: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        return Err(RetrievalError::NoText { places: places.join(", ") });
    }
    Ok(texts.into_values().collect())
}

fn collect(
    folder: &Path,
    index: Option<&Path>,
    texts: &mut BTreeMap<String, Text>,
) -> Result<(), RetrievalError> {
    if index.is_some() && fs_err::canonicalize(folder).ok().as_deref() == index {
        return Ok(());
    }
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        // With `.` as the folder, `notes.txt` and not `./notes.txt`.
        let path =
            if folder == Path::new(".") { PathBuf::from(entry.file_name()) } else { entry.path() };
        if entry.file_type()?.is_dir() {
            collect(&path, index, texts)?;
        } else if path.is_file() {
            let text = Text::file(&path, false)?;
            texts.entry(text.source.clone()).or_insert(text);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
