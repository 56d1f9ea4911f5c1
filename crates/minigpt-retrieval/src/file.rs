//! The file of an index.
//!
//! ```text
//! minigpt index 3            what it is, and in which format
//! {"contents":…,"bytes":…}   what it is of, and how many bytes each section has
//! …                          the sections, one after the other
//! 64 hexadecimal digits      the SHA-256 of all that comes before
//! ```
//!
//! It is one file, so that a reader has the index before or after a change, and never a part of both.

use std::io::{ErrorKind, Write};
use std::ops::Range;
use std::path::Path;

use minigpt_files::{Checksum, Limit, excerpt, is_temporary, leftovers, read, sha256, write_with};
use serde::{Deserialize, Serialize};

use crate::RetrievalError;
use crate::analyzer::ANALYZER;
use crate::chunk::WORDS;
use crate::contents::Contents;
use crate::inverted::Sections;
use crate::stored::{Places, Stored};

/// The file in an index's folder.
pub(crate) const FILE: &str = "index.bin";

/// What an index begins with, before the number of its format.
const BEGINNING: &str = "minigpt index ";

/// What this version writes and reads; another number is another format.
pub(crate) const FORMAT: u32 = 3;

/// The file of an index of formats 1 and 2, which earlier versions made with tantivy.
const FILE_OF_TANTIVY: &str = "meta.json";

/// Bytes of the checksum at the end.
const CHECKSUM: usize = 64;

/// Bytes that are written between two calls that tell of progress.
const BLOCK: usize = 1 << 20;

/// A gigabyte of text with its terms has less than two.
const INDEX: Limit = Limit::new(4 << 30, "an index");

/// A million texts have two hundred bytes each: a name, a checksum and a count.
const HEADER: Limit = Limit::new(256 << 20, "the names of an index's texts");

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    contents: Contents,
    bytes: Bytes,
}

/// Bytes of each of the [`Sections`], which come in this order.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bytes {
    text: usize,
    passages: usize,
    terms: usize,
    ends: usize,
    postings: usize,
}

/// Whether a folder has an index; an error where it has something else.
pub(crate) fn is_there(folder: &Path) -> Result<bool, RetrievalError> {
    if !folder.exists() {
        return Ok(false);
    }
    if !folder.is_dir() {
        return Err(missing(folder));
    }
    // Looked at once, since another process may make the index meanwhile.
    let entries = fs_err::read_dir(folder)?.map(|entry| entry.map(|entry| entry.file_name()));
    let names = entries.collect::<Result<Vec<_>, _>>()?;
    if names.iter().any(|name| name == FILE) {
        return Ok(true);
    }
    // A process that died may have left what it was writing.
    let is_free = names.iter().all(|name| is_temporary(&name.to_string_lossy()));
    if is_free { Ok(false) } else { Err(missing(folder)) }
}

/// What is wrong with a folder that has no index.
fn missing(folder: &Path) -> RetrievalError {
    let path = folder.to_owned();
    match folder.join(FILE_OF_TANTIVY).is_file() {
        true => other_version(folder, "its files are tantivy's"),
        false => RetrievalError::NoIndex { path },
    }
}

/// Writes the index in a folder anew, which is as it was where that fails; `progress` is told how many bytes are
/// written, and of how many.
pub(crate) fn write(
    folder: &Path,
    contents: Contents,
    sections: &Sections,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), RetrievalError> {
    let Sections { text, passages, terms, ends, postings } = sections;
    let bytes = Bytes {
        text: text.len(),
        passages: passages.len(),
        terms: terms.len(),
        ends: ends.len(),
        postings: postings.len(),
    };
    let header =
        serde_json::to_string(&Header { contents, bytes }).map_err(std::io::Error::from)?;
    let head = format!("{BEGINNING}{FORMAT}\n{header}\n");
    let parts = [head.as_bytes(), text, passages, terms, ends, postings];
    if header.len() as u64 > HEADER.bytes() {
        return Err(HEADER.exceeded(folder.display()).into());
    }
    let total = (parts.iter().map(|part| part.len()).sum::<usize>() + CHECKSUM) as u64;
    if total > INDEX.bytes() {
        return Err(INDEX.exceeded(folder.display()).into());
    }
    let is_new = !folder.exists();
    let written = fs_err::create_dir_all(folder).and_then(|()| {
        write_with(&folder.join(FILE), |file| {
            let (mut checksum, mut done) = (Checksum::default(), 0);
            for block in parts.into_iter().flat_map(|part| part.chunks(BLOCK)) {
                checksum.update(block);
                file.write_all(block)?;
                done += block.len() as u64;
                progress(done, total);
            }
            file.write_all(checksum.finish().as_bytes())
        })
    });
    if let Err(error) = written {
        if is_new {
            // Only where nobody else has put anything there.
            let _ = fs_err::remove_dir(folder);
        }
        let reason = excerpt(&error.to_string());
        return Err(RetrievalError::Unwritten { path: folder.to_owned(), reason });
    }
    // Each may be as large as an index. It is there: what cannot be removed is no failure.
    for path in leftovers(folder) {
        let _ = fs_err::remove_file(path);
    }
    Ok(())
}

/// Reads the index in a folder.
pub(crate) fn open(folder: &Path) -> Result<Stored, RetrievalError> {
    let bytes = read(&folder.join(FILE), INDEX).map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => missing(folder),
        _ => error.into(),
    })?;
    let (header, start) = header(folder, &bytes)?;
    let stored = places(&header.bytes, start..bytes.len() - CHECKSUM)
        .ok_or_else(|| "its sections have other lengths than it says".to_owned())
        .and_then(|places| Stored::new(header.contents, places, bytes));
    stored.map_err(|reason| damaged(folder, &reason))
}

/// What an index says of itself, and where its sections begin.
fn header(folder: &Path, bytes: &[u8]) -> Result<(Header, usize), RetrievalError> {
    let damaged = |reason: &str| damaged(folder, reason);
    // Somebody else's file of this name is not to be removed, as a damaged one is.
    let no_index = || RetrievalError::NoIndex { path: folder.to_owned() };
    let format = bytes.strip_prefix(BEGINNING.as_bytes()).ok_or_else(no_index)?;
    let is_ours = format.strip_prefix(FORMAT.to_string().as_bytes());
    let Some(after) = is_ours.and_then(|after| after.strip_prefix(b"\n")) else {
        let line = format.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let number = excerpt(&String::from_utf8_lossy(&line[..line.len().min(20)]));
        return Err(other_version(
            folder,
            &format!("format {number}, and this one reads {FORMAT}"),
        ));
    };
    let whole = bytes.split_last_chunk::<CHECKSUM>();
    if whole.is_none_or(|(whole, sum)| sha256(whole).as_bytes() != sum) {
        return Err(damaged("it does not match its checksum"));
    }
    let length = after.iter().take(HEADER.bytes() as usize).position(|byte| *byte == b'\n');
    let length = length.ok_or_else(|| damaged("its header has no end"))?;
    let header: Header = serde_json::from_slice(&after[..length])
        .map_err(|error| damaged(&format!("its header: {error}")))?;
    let Contents { analyzer, words, .. } = &header.contents;
    if analyzer != ANALYZER {
        let reason = format!("words by {}, and this one has {ANALYZER}", excerpt(analyzer));
        return Err(other_version(folder, &reason));
    }
    if !WORDS.contains(words) {
        return Err(damaged(&format!("passages of {words} words")));
    }
    Ok((header, bytes.len() - after.len() + length + 1))
}

/// Sections of so many bytes, which are all of a range.
fn places(bytes: &Bytes, all: Range<usize>) -> Option<Places> {
    let mut start = all.start;
    let mut next = |length: usize| {
        let place = start..start.checked_add(length).filter(|end| *end <= all.end)?;
        start = place.end;
        Some(place)
    };
    let places = Places {
        text: next(bytes.text)?,
        passages: next(bytes.passages)?,
        terms: next(bytes.terms)?,
        ends: next(bytes.ends)?,
        postings: next(bytes.postings)?,
    };
    (start == all.end).then_some(places)
}

pub(crate) fn damaged(folder: &Path, reason: &str) -> RetrievalError {
    RetrievalError::Damaged { path: folder.to_owned(), reason: excerpt(reason) }
}

fn other_version(folder: &Path, reason: &str) -> RetrievalError {
    RetrievalError::OtherVersion { path: folder.to_owned(), reason: reason.to_owned() }
}
