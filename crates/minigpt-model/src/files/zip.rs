//! The directory of a ZIP archive whose files are stored as they are, as `torch.save` writes it
//! ([APPNOTE](https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT), sections 4.3 and 4.5).

use std::collections::BTreeMap;
use std::ops::Range;

use minigpt_files::excerpt;

const END: &[u8] = b"PK\x05\x06";
const END_64_LOCATOR: &[u8] = b"PK\x06\x07";
const END_64: &[u8] = b"PK\x06\x06";
const ENTRY: &[u8] = b"PK\x01\x02";
const LOCAL: &[u8] = b"PK\x03\x04";

/// Length of an end record without its comment, which may have 65,535 bytes.
const END_LENGTH: usize = 22;
const LOCATOR_LENGTH: usize = 20;
const ENTRY_LENGTH: usize = 46;
const LOCAL_LENGTH: usize = 30;

/// The longest list of files that is read: GPT-2 XL's has 60 KB, and each file costs its name in memory.
const MAX_DIRECTORY: usize = 4 << 20;

/// Stands for a number that is in the 64-bit extra field.
const IN_EXTRA: usize = u32::MAX as usize;

/// Where each file of an archive is in it, by name. The error is what is wrong with the archive.
pub(crate) fn stored_files(archive: &[u8]) -> Result<BTreeMap<String, Range<usize>>, String> {
    let mut files = BTreeMap::new();
    let (mut at, end) = directory(archive).ok_or("it is no whole ZIP archive")?;
    if end - at > MAX_DIRECTORY {
        return Err(format!("it claims a list of files of {} bytes", end - at));
    }
    while at < end {
        let (name, range, next) = entry(archive, at)?;
        files.insert(name, range);
        at = next;
    }
    Ok(files)
}

/// Where the list of files begins and ends.
fn directory(archive: &[u8]) -> Option<(usize, usize)> {
    let last = archive.len().checked_sub(END_LENGTH)?;
    let first = last.saturating_sub(usize::from(u16::MAX));
    let end = (first..=last).rev().find(|at| archive[*at..].starts_with(END))?;
    let (mut length, mut start) = (number(archive, end + 12, 4)?, number(archive, end + 16, 4)?);
    if let Some(locator) = end.checked_sub(LOCATOR_LENGTH)
        && archive[locator..].starts_with(END_64_LOCATOR)
    {
        let end_64 = number(archive, locator + 8, 8)?;
        archive.get(end_64..)?.starts_with(END_64).then_some(())?;
        (length, start) = (number(archive, end_64 + 40, 8)?, number(archive, end_64 + 48, 8)?);
    }
    let stop = start.checked_add(length)?;
    (stop <= end).then_some((start, stop))
}

/// Name and place of the file that is listed at `at`, and where the next is listed.
fn entry(archive: &[u8], at: usize) -> Result<(String, Range<usize>, usize), String> {
    let broken = || "its list of files is damaged".to_owned();
    let field =
        |offset: usize, length: usize| number(archive, at + offset, length).ok_or_else(broken);
    if !archive[at..].starts_with(ENTRY) {
        return Err(broken());
    }
    let (name_length, extra_length, comment_length) = (field(28, 2)?, field(30, 2)?, field(32, 2)?);
    let name_end = at + ENTRY_LENGTH + name_length;
    let name = archive.get(at + ENTRY_LENGTH..name_end).ok_or_else(broken)?;
    let name = String::from_utf8_lossy(name).into_owned();
    if field(10, 2)? != 0 {
        let name = excerpt(&name);
        return Err(format!("its file {name} is packed, which torch.save does not do"));
    }
    let extra = archive.get(name_end..name_end + extra_length).ok_or_else(broken)?;
    let (unpacked, stored) = (field(24, 4)?, field(20, 4)?);
    // Of the numbers that did not fit, the extra field has these three, in this order.
    let mut wide = wide_numbers(extra);
    let mut resolve = |value: usize| if value == IN_EXTRA { wide.next() } else { Some(value) };
    let length = resolve(unpacked).ok_or_else(broken)?;
    resolve(stored).ok_or_else(broken)?;
    let local = resolve(field(42, 4)?).ok_or_else(broken)?;
    let start = data_start(archive, local).ok_or_else(broken)?;
    let end = start.checked_add(length).filter(|end| *end <= archive.len()).ok_or_else(broken)?;
    Ok((name, start..end, name_end + extra_length + comment_length))
}

/// The numbers of the extra field for 64 bits.
fn wide_numbers(mut extra: &[u8]) -> impl Iterator<Item = usize> {
    let mut wide: &[u8] = &[];
    while let (Some(kind), Some(length)) = (number(extra, 0, 2), number(extra, 2, 2)) {
        let Some(field) = extra.get(4..4 + length) else { break };
        if kind == 1 {
            wide = field;
        }
        extra = &extra[4 + length..];
    }
    wide.chunks_exact(8).filter_map(|bytes| number(bytes, 0, 8))
}

/// Where a file's bytes are, behind its own header, which is at `local`.
fn data_start(archive: &[u8], local: usize) -> Option<usize> {
    archive.get(local..)?.starts_with(LOCAL).then_some(())?;
    let (name, extra) = (number(archive, local + 26, 2)?, number(archive, local + 28, 2)?);
    local.checked_add(LOCAL_LENGTH + name + extra)
}

/// An unsigned number, the lowest byte first.
fn number(bytes: &[u8], at: usize, length: usize) -> Option<usize> {
    let bytes = bytes.get(at..at.checked_add(length)?)?;
    let number = bytes.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    usize::try_from(number).ok()
}
