//! Reading text that may be compressed, and writing files that are never half-written.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use lzma_rust2::XzReader;

use crate::DataError;

/// Reads a file as UTF-8 text without NUL bytes, unpacking it first if its name ends in `.xz`.
///
/// A byte order mark at the start is dropped: it is no part of the text.
pub(crate) fn read_text(path: &Path) -> Result<String, DataError> {
    let mut bytes = fs_err::read(path)?;
    if path.extension().is_some_and(|extension| extension == "xz") {
        bytes = unpack(&bytes, path)?;
    }
    text_from_bytes(bytes, path)
}

/// The text of an embedded `.xz` asset; `name` is what an error would call it.
pub(crate) fn unpack_text(xz: &[u8], name: &str) -> Result<String, DataError> {
    text_from_bytes(unpack(xz, Path::new(name))?, Path::new(name))
}

fn unpack(xz: &[u8], path: &Path) -> Result<Vec<u8>, DataError> {
    // Two streams one after the other are a valid .xz file: parallel compressors write them.
    let mut bytes = Vec::new();
    match XzReader::new(xz, true).read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(DataError::BadXz { path: path.to_owned(), reason: error.to_string() }),
    }
}

fn text_from_bytes(bytes: Vec<u8>, path: &Path) -> Result<String, DataError> {
    let not_text = |found, offset| DataError::NotText { path: path.to_owned(), found, offset };
    // NUL is valid UTF-8, but no text has it: UTF-16 and most binary formats do.
    if let Some(offset) = bytes.iter().position(|&byte| byte == 0) {
        return Err(not_text("a NUL byte", offset));
    }
    let mut text = String::from_utf8(bytes)
        .map_err(|error| not_text("invalid UTF-8", error.utf8_error().valid_up_to()))?;
    if text.starts_with('\u{feff}') {
        text.remove(0);
    }
    Ok(text)
}

/// Writes to a temporary name beside `path`, syncs and renames, so that whoever opens `path` finds
/// the old file or the new one and never a part.
pub(crate) fn write_whole(path: &Path, contents: &[u8]) -> Result<(), DataError> {
    let mut temporary = OsString::from(path);
    temporary.push(".tmp");
    let temporary = PathBuf::from(temporary);
    let mut file = fs_err::File::create(&temporary)?;
    file.write_all(contents)?;
    file.sync_all()?;
    fs_err::rename(&temporary, path)?;
    Ok(())
}
