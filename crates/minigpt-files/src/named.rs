//! Writing to a path that a user names, which may be anything.

use std::io::{Error, ErrorKind, Result, Write};
use std::path::{Path, PathBuf};

use crate::write::write;

/// The file that is meant by a path which a user names: the path itself where nothing is there or a regular file, and
/// of a link the file that it leads to, so that the link stays. Nothing is changed.
///
/// # Errors
/// One that names the path: for a folder, a device, a pipe, a socket, a link to nothing, and a link in `/dev` to a
/// file, which is what a program's output was redirected to.
pub fn named_file(path: &Path) -> Result<PathBuf> {
    match target(path)? {
        Target::File(file) => Ok(file),
        Target::Stream => Err(refused(path, "a device or a pipe; expected the name of a file")),
    }
}

/// Writes a whole file to a path that a user names: into a character device or a pipe, as `/dev/null` and
/// `/dev/stdout` may be, and as [`write()`] elsewhere, to [`named_file`].
///
/// # Errors
/// Those of the system, with the path, and of [`named_file`] for what is neither.
pub fn write_named(path: &Path, bytes: impl AsRef<[u8]>) -> Result<()> {
    match target(path)? {
        Target::File(file) => write(&file, bytes),
        Target::Stream => {
            let mut stream = fs_err::OpenOptions::new().write(true).open(path)?;
            stream.write_all(bytes.as_ref())?;
            stream.flush()
        }
    }
}

/// Makes sure that [`write_named`] has something to write to, before the work whose result it is.
///
/// # Errors
/// As [`write_named`], but for what only writing tells.
pub fn check_named(path: &Path) -> Result<()> {
    target(path).map(drop)
}

/// What a user's path leads to.
enum Target {
    File(PathBuf),
    /// A character device or a pipe.
    Stream,
}

fn target(path: &Path) -> Result<Target> {
    let is_link = match fs_err::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Ok(Target::File(path.to_owned()));
        }
        found => found?.is_symlink(),
    };
    let kind = match fs_err::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(refused(path, "a link to nothing; expected the name of a file"));
        }
        found => found?.file_type(),
    };
    if kind.is_file() && is_link {
        // Replaced, the file would be another than the one that standard output goes to.
        if path.starts_with("/dev") || path.starts_with("/proc") {
            return Err(refused(path, "redirected to a file; expected that file's name"));
        }
        return Ok(Target::File(fs_err::canonicalize(path)?));
    }
    if kind.is_file() {
        return Ok(Target::File(path.to_owned()));
    }
    if kind.is_dir() {
        return Err(refused(path, "a folder; expected the name of a file"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_char_device() || kind.is_fifo() {
            return Ok(Target::Stream);
        }
    }
    Err(refused(path, "a device or a socket; expected the name of a file"))
}

fn refused(path: &Path, what: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("{}: {what}", path.display()))
}

#[cfg(test)]
mod tests;
