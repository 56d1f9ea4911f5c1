//! A zip file of a few entries, which a wheel is.

use std::io::Write;

use anyhow::{Context, Result};
use flate2::write::DeflateEncoder;
use flate2::{Compression, CrcWriter};

/// A file in the archive.
pub(super) struct Entry<'a> {
    pub(super) name: String,
    pub(super) bytes: &'a [u8],
    pub(super) is_executable: bool,
}

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
/// Version 2.0 of the format, which has deflate; written on Unix, whose permissions an entry has.
const NEEDED: u16 = 20;
const MADE: u16 = 3 << 8 | NEEDED;
/// 1 January 1980, the earliest date: the same files give the same archive.
const DATE: u16 = 1 << 5 | 1;

/// The archive; the date of all entries is the same.
pub(super) fn archive(entries: &[Entry<'_>]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut central = Vec::new();
    for entry in entries {
        let offset = size(out.len())?;
        let mut crc = CrcWriter::new(DeflateEncoder::new(Vec::new(), Compression::default()));
        crc.write_all(entry.bytes)?;
        let sum = crc.crc().sum();
        let packed = crc.into_inner().finish()?;
        let mut head = Vec::new();
        // Flags (a name in UTF-8), deflate, time, date.
        for field in [1 << 11, 8, 0, DATE] {
            head.extend(u16::to_le_bytes(field));
        }
        for field in [sum, size(packed.len())?, size(entry.bytes.len())?] {
            head.extend(field.to_le_bytes());
        }
        let name = entry.name.as_bytes();
        head.extend(u16::try_from(name.len())?.to_le_bytes());
        // No extra field.
        head.extend(0_u16.to_le_bytes());

        out.extend(LOCAL.to_le_bytes());
        out.extend(NEEDED.to_le_bytes());
        out.extend(&head);
        out.extend(name);
        out.extend(packed);

        central.extend(CENTRAL.to_le_bytes());
        central.extend(MADE.to_le_bytes());
        central.extend(NEEDED.to_le_bytes());
        central.extend(&head);
        // No comment, the first disk, no internal attributes.
        central.extend([0; 6]);
        let mode: u32 = if entry.is_executable { 0o100_755 } else { 0o100_644 };
        central.extend((mode << 16).to_le_bytes());
        central.extend(offset.to_le_bytes());
        central.extend(name);
    }
    let count = u16::try_from(entries.len())?;
    let start = size(out.len())?;
    let length = size(central.len())?;
    out.extend(central);
    out.extend(END.to_le_bytes());
    out.extend([0; 4]);
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend(length.to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0; 2]);
    Ok(out)
}

fn size(bytes: usize) -> Result<u32> {
    u32::try_from(bytes).context("a zip file without its 64-bit form holds less than 4 GiB")
}
