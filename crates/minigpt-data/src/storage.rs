//! A stream of tokens, in memory or in mapped files.

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use memmap2::Mmap;

use crate::DataError;

/// Bytes of a token in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum TokenWidth {
    /// Two bytes: ids below 65,536.
    #[serde(rename = "u16")]
    U16,
    /// Four bytes.
    #[serde(rename = "u32")]
    U32,
}

impl TokenWidth {
    /// The narrowest that has all ids of a vocabulary.
    pub(crate) fn for_vocabulary(size: usize) -> Self {
        if size <= 1 << 16 { Self::U16 } else { Self::U32 }
    }

    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::U16 => 2,
            Self::U32 => 4,
        }
    }

    /// Appends ids as they are in files: little-endian on every machine.
    pub(crate) fn append(self, ids: &[u32], bytes: &mut Vec<u8>) {
        match self {
            Self::U16 => bytes.extend(ids.iter().flat_map(|id| (*id as u16).to_le_bytes())),
            Self::U32 => bytes.extend(ids.iter().flat_map(|id| id.to_le_bytes())),
        }
    }

    /// The largest id in the bytes of a file, in a loop that the compiler turns into vector
    /// instructions.
    fn largest(self, bytes: &[u8]) -> Option<u32> {
        match self {
            Self::U16 => {
                let (chunks, _) = bytes.as_chunks::<2>();
                chunks.iter().map(|chunk| u16::from_le_bytes(*chunk)).max().map(u32::from)
            }
            Self::U32 => {
                let (chunks, _) = bytes.as_chunks::<4>();
                chunks.iter().map(|chunk| u32::from_le_bytes(*chunk)).max()
            }
        }
    }

    fn read(self, bytes: &[u8], ids: &mut Vec<u32>) {
        match self {
            Self::U16 => {
                let (chunks, _) = bytes.as_chunks::<2>();
                ids.extend(chunks.iter().map(|chunk| u32::from(u16::from_le_bytes(*chunk))));
            }
            Self::U32 => {
                let (chunks, _) = bytes.as_chunks::<4>();
                ids.extend(chunks.iter().map(|chunk| u32::from_le_bytes(*chunk)));
            }
        }
    }
}

/// Token ids in order; cheap to clone and to share.
#[derive(Clone)]
pub(crate) enum Tokens {
    Memory(Arc<[u32]>),
    Mapped(Arc<[Shard]>),
}

/// A part of a stream in a file of its own.
pub(crate) struct Shard {
    /// Tokens of the stream before this shard.
    start: usize,
    len: usize,
    width: TokenWidth,
    map: Mmap,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens({})", self.len())
    }
}

impl Shard {
    /// Maps a file of exactly `len` tokens.
    pub(crate) fn open(
        path: &Path,
        start: usize,
        len: usize,
        width: TokenWidth,
    ) -> Result<Self, DataError> {
        // A shard is never written again after it got its name. A user who cuts the file short
        // meanwhile ends the program with a bus error.
        let map = minigpt_files::map(path)?;
        let (expected, found) =
            ((len as u64).saturating_mul(width.bytes() as u64), map.len() as u64);
        if found != expected {
            let reason = format!("{found} bytes instead of {expected}");
            return Err(DataError::BadStore { path: path.to_owned(), reason });
        }
        Ok(Self { start, len, width, map })
    }

    /// The largest id in the file, which is read for it as a whole: about half a second for each
    /// gigabyte that the system has in memory.
    pub(crate) fn largest_id(&self) -> Option<u32> {
        self.width.largest(&self.map)
    }
}

impl Tokens {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Memory(ids) => ids.len(),
            Self::Mapped(shards) => shards.last().map_or(0, |shard| shard.start + shard.len),
        }
    }

    /// Appends the ids of a range to `ids`.
    pub(crate) fn copy(&self, range: Range<usize>, ids: &mut Vec<u32>) {
        let shards = match self {
            Self::Memory(all) => return ids.extend_from_slice(&all[range]),
            Self::Mapped(shards) => shards,
        };
        let first = shards.partition_point(|shard| shard.start + shard.len <= range.start);
        for shard in shards[first..].iter().take_while(|shard| shard.start < range.end) {
            let from = range.start.max(shard.start) - shard.start;
            let to = range.end.min(shard.start + shard.len) - shard.start;
            let width = shard.width.bytes();
            shard.width.read(&shard.map[from * width..to * width], ids);
        }
    }
}

#[cfg(test)]
mod tests;
