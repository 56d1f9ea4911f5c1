//! Opening files that may be compressed.

use std::io::{BufReader, ErrorKind, Read};
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

/// What `xz -9` asks for, however small the file is, with the decoder's own share.
const XZ_MEMORY: u64 = 65 << 20;

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
        let packed = |packing: Self| {
            let (start, end) =
                name.split_at_checked(name.len().checked_sub(packing.extension().len())?)?;
            end.eq_ignore_ascii_case(packing.extension()).then_some((Some(packing), start))
        };
        Self::ALL.into_iter().find_map(packed).unwrap_or((None, name))
    }

    fn of_path(path: &Path) -> Option<Self> {
        Self::of(&path.to_string_lossy()).0
    }

    /// Parallel compressors write several streams one after the other: all of them are read. A
    /// dictionary larger than the `length` of the packed file is refused before it is allocated, but
    /// for the sizes that the tools' presets have.
    fn reader<'a>(
        self,
        packed: impl Read + 'a,
        length: u64,
    ) -> std::io::Result<Box<dyn Read + 'a>> {
        Ok(match self {
            Self::Gzip => Box::new(MultiGzDecoder::new(packed)),
            Self::Xz => {
                let kibibytes = length.max(XZ_MEMORY) >> 10;
                let limit = u32::try_from(kibibytes).unwrap_or(u32::MAX);
                Box::new(XzReader::new_mem_limit(packed, true, limit))
            }
            // The library itself refuses windows of more than 128 MiB.
            Self::Zstd => Box::new(zstd::Decoder::new(packed)?),
        })
    }
}

/// A file and what it is called: the copy of a stream is not called by its temporary name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DataFile {
    pub(crate) path: PathBuf,
    /// For errors; its end tells the format.
    pub(crate) name: PathBuf,
}

impl From<PathBuf> for DataFile {
    fn from(path: PathBuf) -> Self {
        Self { name: path.clone(), path }
    }
}

impl DataFile {
    /// Whether it is the copy of a stream, in another place each time.
    pub(crate) fn is_copy(&self) -> bool {
        self.path != self.name
    }

    /// How it is packed.
    pub(crate) fn packing(&self) -> Option<Packing> {
        Packing::of_path(&self.name)
    }

    /// Its bytes, unpacked as its name says.
    pub(crate) fn open(&self) -> Result<Box<dyn Read>, DataError> {
        let file = minigpt_files::open(&self.path)?;
        let Some(packing) = self.packing() else { return Ok(Box::new(file)) };
        let length = file.metadata()?.len();
        packing.reader(BufReader::new(file), length).map_err(|error| read_error(&self.name, error))
    }
}

/// The bytes of an embedded file, unpacked as its name says.
pub(crate) fn open_embedded(name: &str, bytes: &'static [u8]) -> Result<Box<dyn Read>, DataError> {
    match Packing::of(name).0 {
        None => Ok(Box::new(bytes)),
        Some(packing) => packing
            .reader(bytes, bytes.len() as u64)
            .map_err(|error| read_error(Path::new(name), error)),
    }
}

/// What an error means while a file of this name is read: with a packed file, mostly damage.
pub(crate) fn read_error(name: &Path, error: std::io::Error) -> DataError {
    let packing = match Packing::of_path(name) {
        Some(packing) if error.kind() != ErrorKind::FileTooLarge => packing,
        _ => return DataError::Io(error),
    };
    let reason = match error.kind() {
        ErrorKind::OutOfMemory => {
            "its dictionary takes more memory than a file of this size can need".to_owned()
        }
        _ => error.to_string(),
    };
    let (extension, tool) = (packing.extension(), packing.tool());
    DataError::BadPacking { path: name.to_owned(), reason, extension, tool }
}

/// The text of an embedded file of the program's own.
pub(crate) fn embedded_text(name: &str, bytes: &'static [u8]) -> Result<String, DataError> {
    let mut text = String::new();
    let mut reader = open_embedded(name, bytes)?;
    reader.read_to_string(&mut text).map_err(|error| read_error(Path::new(name), error))?;
    Ok(text)
}
