//! Packed texts with mistakes: mostly with checksums and lengths that are right, so that they are unpacked.

use std::io::Write;

use flate2::write::GzEncoder;
use flate2::{Compression, Crc};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::damage::{damage_in_place, damaged};

/// A packing that knows how to pack bytes as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Gzip,
    Xz,
    Zstd,
}

/// What a text may be full of: nothing of it is worth memory.
const FULL_OF: [&[u8]; 4] = [b"a", b"\n", b" ", b"{\"text\": \"a\"}\n"];

/// How long such a text is: far beyond what its file seems to hold, and soon read.
const FULL_LENGTH: usize = 16 << 20;

impl Packing {
    pub(crate) fn pack(self, text: &[u8]) -> Vec<u8> {
        match self {
            Self::Gzip => gzip(text),
            Self::Xz => xz(text, 0),
            Self::Zstd => zstd(text),
        }
    }

    /// A packed text with a mistake in the text, in its packing, or in what is claimed of both.
    pub(crate) fn mutated(self, text: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
        match random.random_range(0..8) {
            0 => damaged(&self.pack(text), random),
            1 => {
                let part = FULL_OF[random.random_range(0..FULL_OF.len())];
                self.full_of(part, random)
            }
            2 | 3 => self.claiming(text, random),
            4 => {
                // Behind the header.
                let mut packed = self.pack(text);
                let start = packed.len().min(12);
                damage_in_place(&mut packed[start..], random);
                packed
            }
            5 => [self.pack(text), self.pack(&damaged(text, random))].concat(),
            _ => self.pack(&damaged(text, random)),
        }
    }

    /// A small file of a long text.
    fn full_of(self, part: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
        match self {
            Self::Gzip => gzip(&part.repeat(FULL_LENGTH / part.len())),
            // Uncompressed chunks are as long as their text.
            Self::Xz => xz(&part.repeat((1 << 20) / part.len()), random.random_range(0..=40)),
            Self::Zstd => repeated_blocks(part[0], FULL_LENGTH / BLOCK),
        }
    }

    /// A whole file whose header claims something else.
    fn claiming(self, text: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
        match self {
            Self::Gzip => {
                let mut packed = gzip(text);
                // Flags, or the length at the end.
                let at = [3, packed.len() - 4][random.random_range(0..2)];
                packed[at] = random.random();
                packed
            }
            Self::Xz => xz(text, random.random_range(0..64)),
            Self::Zstd => {
                let descriptor: u8 = random.random();
                let claims: [u8; 14] = random.random();
                let length = random.random_range(0..claims.len());
                let header = [&[descriptor][..], &claims[..length]].concat();
                [MAGIC, &header, &blocks(text)].concat()
            }
        }
    }

    /// Whether bytes begin as such a file does.
    pub(crate) fn has_header(self, bytes: &[u8]) -> bool {
        match self {
            // Deflate is the only method, and three flags are reserved.
            Self::Gzip => {
                bytes.starts_with(b"\x1f\x8b\x08")
                    && bytes.len() > 18
                    && bytes[3] & 0b1110_0000 == 0
            }
            Self::Xz => {
                let flags = bytes.get(6..8).unwrap_or_default();
                let checksum = bytes.get(8..12).unwrap_or_default();
                bytes.starts_with(b"\xfd7zXZ\0") && checksum == crc32(flags)
            }
            Self::Zstd => bytes.starts_with(MAGIC) && bytes.len() > 8 && bytes[4] & 0b1000 == 0,
        }
    }
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    let written = packed.write_all(text).and_then(|()| packed.finish());
    written.unwrap_or_default()
}

fn crc32(bytes: &[u8]) -> [u8; 4] {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum().to_le_bytes()
}

/// A file of xz's with one block of chunks as they are ([the format](https://tukaani.org/xz/xz-file-format.txt)),
/// that claims a dictionary of the size of this number.
fn xz(text: &[u8], dictionary: u8) -> Vec<u8> {
    // CRC-32 as the check.
    let flags = [0, 1];
    let mut packed = [&b"\xfd7zXZ\0"[..], &flags, &crc32(&flags)].concat();
    // A header of 12 bytes: one filter, LZMA2, with one byte of properties.
    let header = [2, 0, 0x21, 1, dictionary, 0, 0, 0];
    let start = packed.len();
    packed.extend([&header[..], &crc32(&header)].concat());
    for (number, chunk) in text.chunks(1 << 16).enumerate() {
        let kind = if number == 0 { 1 } else { 2 };
        packed.push(kind);
        packed.extend((chunk.len() as u16).wrapping_sub(1).to_be_bytes());
        packed.extend(chunk);
    }
    packed.push(0);
    let unpadded = packed.len() - start + 4;
    packed.resize(packed.len().next_multiple_of(4), 0);
    packed.extend(crc32(text));
    let mut index = vec![0, 1];
    index.extend(variable(unpadded));
    index.extend(variable(text.len()));
    index.resize(index.len().next_multiple_of(4), 0);
    index.extend(crc32(&index));
    let backward = (index.len() as u32 / 4 - 1).to_le_bytes();
    packed.extend(&index);
    let footer = [&backward[..], &flags].concat();
    packed.extend([&crc32(&footer)[..], &footer, b"YZ"].concat());
    packed
}

/// A number in groups of seven bits.
fn variable(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// What a frame of Zstandard begins with ([RFC 8878](https://datatracker.ietf.org/doc/html/rfc8878)).
const MAGIC: &[u8] = b"\x28\xb5\x2f\xfd";

/// The longest block of a frame.
const BLOCK: usize = 1 << 17;

fn zstd(text: &[u8]) -> Vec<u8> {
    // One segment, with its length in four bytes.
    let length = (text.len() as u32).to_le_bytes();
    [MAGIC, &[0b1010_0000], &length, &blocks(text)].concat()
}

/// Blocks of bytes as they are.
fn blocks(text: &[u8]) -> Vec<u8> {
    let count = text.chunks(BLOCK).count();
    let block = |(number, chunk): (usize, &[u8])| {
        let header = u32::from(number + 1 == count) | (chunk.len() as u32) << 3;
        [&header.to_le_bytes()[..3], chunk].concat()
    };
    text.chunks(BLOCK).enumerate().flat_map(block).collect()
}

/// A frame of blocks that are one byte, often.
fn repeated_blocks(byte: u8, count: usize) -> Vec<u8> {
    // A window of 128 KiB, and no length.
    let mut packed = [MAGIC, &[0, 0x38]].concat();
    for number in 0..count {
        let header = u32::from(number + 1 == count) | 1 << 1 | (BLOCK as u32) << 3;
        packed.extend([&header.to_le_bytes()[..3], &[byte]].concat());
    }
    packed
}

#[cfg(test)]
mod tests;
