//! Reading what others wrote.

use std::fmt::Display;
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

use memmap2::Mmap;

/// How many bytes of a kind of file are read at most, and what such a file is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    bytes: u64,
    what: &'static str,
}

impl Limit {
    /// At most `bytes` of `what`, such as "a configuration".
    #[must_use]
    pub const fn new(bytes: u64, what: &'static str) -> Self {
        Self { bytes, what }
    }

    /// The most bytes that are read.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.bytes
    }

    /// The error of a file or stream that has more.
    #[must_use]
    pub fn exceeded(self, name: impl Display) -> Error {
        let message =
            format!("{name}: more than {} bytes, which is too much for {}", self.bytes, self.what);
        Error::new(ErrorKind::FileTooLarge, message)
    }
}

/// Opens a regular file, or a link to one: no device, pipe or folder, which may have no end.
///
/// # Errors
/// Those of the system, with the path, and one for anything but a regular file. Of a file that is missing it has
/// the kind [`ErrorKind::NotFound`].
pub fn open(path: &Path) -> Result<fs_err::File> {
    // Before it is opened: opening a pipe would wait for a writer.
    let found = fs_err::metadata(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => {
            let message = format!("{} does not exist: expected a file", path.display());
            Error::new(ErrorKind::NotFound, message)
        }
        _ => error,
    });
    let kind = found?.file_type();
    if !kind.is_file() {
        let found = if kind.is_dir() { "a folder" } else { "a device, a pipe or a socket" };
        let message = format!("{}: {found}; expected a file", path.display());
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    fs_err::File::open(path)
}

/// All bytes of a regular file.
///
/// # Errors
/// As [`open`], and one for a file beyond the limit, of which no more than the limit is read.
pub fn read(path: &Path, limit: Limit) -> Result<Vec<u8>> {
    let file = open(path)?;
    // Not all file systems know a file's length: what is read counts.
    let length = file.metadata()?.len().min(limit.bytes);
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    file.take(limit.bytes.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit.bytes {
        return Err(limit.exceeded(path.display()));
    }
    Ok(bytes)
}

/// The text of a regular file in UTF-8.
///
/// # Errors
/// As [`read`], and one for bytes that are not UTF-8.
pub fn read_text(path: &Path, limit: Limit) -> Result<String> {
    String::from_utf8(read(path, limit)?).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let message = format!("{}: byte {at} is not UTF-8; expected text", path.display());
        Error::new(ErrorKind::InvalidData, message)
    })
}

/// The bytes of a regular file as memory, read from the disk where they are used.
///
/// As with any mapped file, a program that shortens it meanwhile ends this one.
///
/// # Errors
/// As [`open`].
pub fn map(path: &Path) -> Result<Mmap> {
    let file = open(path)?;
    // SAFETY: the mapping is only read.
    unsafe { Mmap::map(file.file()) }
}

/// A reader that fails once it has given more than a number of bytes, where `take` would end.
#[derive(Debug)]
pub struct Bounded<R> {
    reader: R,
    left: u64,
    limit: Limit,
    name: String,
}

impl<R: Read> Bounded<R> {
    /// At most `limit` bytes of `reader`, called `name` in the error.
    pub fn new(reader: R, limit: Limit, name: impl Display) -> Self {
        Self { reader, left: limit.bytes, limit, name: name.to_string() }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        // One byte more than is allowed, to tell the end from too much.
        let length =
            buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX).saturating_add(1));
        let length = self.reader.read(&mut buffer[..length])?;
        match self.left.checked_sub(length as u64) {
            Some(left) => self.left = left,
            None => return Err(self.limit.exceeded(&self.name)),
        }
        Ok(length)
    }
}

/// Whether a folder itself is at `path`, and no link to one.
#[must_use]
pub fn is_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.is_dir())
}

/// Whether `name`, read from a file, names a file in a folder and nothing outside it.
#[must_use]
pub fn is_file_name(name: &str) -> bool {
    let is_special = matches!(name, "" | "." | "..");
    !is_special
        && !name.contains(['/', '\\', '\0'])
        && Path::new(name).file_name().is_some_and(|file| file == name)
}

#[cfg(test)]
mod tests;
