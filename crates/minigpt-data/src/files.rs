//! Opening files that may be compressed, and writing files that are never half-written.

use std::ffi::OsString;
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use lzma_rust2::XzReader;

use crate::DataError;

/// How a file is packed, by the end of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Gzip,
    Xz,
    Zstd,
}

impl Packing {
    const ALL: [Self; 3] = [Self::Gzip, Self::Xz, Self::Zstd];

    fn extension(self) -> &'static str {
        match self {
            Self::Gzip => ".gz",
            Self::Xz => ".xz",
            Self::Zstd => ".zst",
        }
    }

    fn tool(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
        }
    }

    /// The packing that a name tells of, and the name without it.
    pub(crate) fn of(name: &str) -> (Option<Self>, &str) {
        let packed = |packing: Self| Some((Some(packing), name.strip_suffix(packing.extension())?));
        Self::ALL.into_iter().find_map(packed).unwrap_or((None, name))
    }

    fn of_path(path: &Path) -> Option<Self> {
        Self::of(&path.to_string_lossy()).0
    }

    /// Parallel compressors write several streams one after the other: all of them are read.
    fn reader<'a>(self, packed: impl Read + 'a) -> std::io::Result<Box<dyn Read + 'a>> {
        Ok(match self {
            Self::Gzip => Box::new(MultiGzDecoder::new(packed)),
            Self::Xz => Box::new(XzReader::new(packed, true)),
            Self::Zstd => Box::new(zstd::Decoder::new(packed)?),
        })
    }
}

/// A file's bytes, unpacked as its name says.
pub(crate) fn open(path: &Path) -> Result<Box<dyn Read>, DataError> {
    let file = fs_err::File::open(path)?;
    match Packing::of_path(path) {
        None => Ok(Box::new(file)),
        Some(packing) => packing.reader(BufReader::new(file)).map_err(|e| read_error(path, e)),
    }
}

/// The bytes of an embedded file, unpacked as its name says.
pub(crate) fn open_embedded(name: &str, bytes: &'static [u8]) -> Result<Box<dyn Read>, DataError> {
    match Packing::of(name).0 {
        None => Ok(Box::new(bytes)),
        Some(packing) => packing.reader(bytes).map_err(|e| read_error(Path::new(name), e)),
    }
}

/// What an error means while a file from [`open`] is read: with a packed file, mostly damage.
pub(crate) fn read_error(path: &Path, error: std::io::Error) -> DataError {
    match Packing::of_path(path) {
        None => DataError::Io(error),
        Some(packing) => DataError::BadPacking {
            path: path.to_owned(),
            reason: error.to_string(),
            extension: packing.extension(),
            tool: packing.tool(),
        },
    }
}

/// The text of an embedded file of the program's own.
pub(crate) fn embedded_text(name: &str, bytes: &'static [u8]) -> Result<String, DataError> {
    let mut text = String::new();
    let mut reader = open_embedded(name, bytes)?;
    reader.read_to_string(&mut text).map_err(|error| read_error(Path::new(name), error))?;
    Ok(text)
}

/// Writes to a temporary name beside `path`, syncs and renames, so that whoever opens `path` finds
/// the old file or the new one and never a part.
pub(crate) fn write_whole(path: &Path, contents: &[u8]) -> Result<(), DataError> {
    let temporary = temporary_name(path);
    let mut file = fs_err::File::create(&temporary)?;
    file.write_all(contents)?;
    file.sync_all()?;
    fs_err::rename(&temporary, path)?;
    Ok(())
}

/// The name under which a file is written until it is whole.
pub(crate) fn temporary_name(path: &Path) -> PathBuf {
    let mut temporary = OsString::from(path);
    temporary.push(".tmp");
    PathBuf::from(temporary)
}
