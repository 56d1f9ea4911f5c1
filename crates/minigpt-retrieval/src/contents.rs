//! The files of an index: what they may be, what they are of, and what tantivy's errors mean.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use minigpt_files::{Limit, caught, excerpt, is_file_name, read};
use serde::{Deserialize, Serialize};
use tantivy::TantivyError;
use tantivy::directory::error::{LockError, OpenDirectoryError, OpenReadError, OpenWriteError};
use tantivy::directory::{Directory, META_LOCK};

use crate::RetrievalError;
use crate::analyzer::{ANALYZER, analyzer};
use crate::chunk::WORDS;
use crate::fields::Fields;

/// What this version writes and reads; another number is another format.
pub(crate) const FORMAT: u32 = 2;

/// tantivy's file of what the last commit left, with our [`Contents`] in it.
pub(crate) const META: &str = "meta.json";

/// tantivy's file of the names of its files, which it removes when they are of no use.
const MANAGED: &str = ".managed.json";

/// A million texts have two hundred bytes each: a name, a checksum and a count.
const LISTS: Limit = Limit::new(256 << 20, "the lists of an index");

/// What an index is of; kept in tantivy's commit, so that both change in one step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contents {
    pub(crate) format: u32,
    /// Words of a passage at most.
    pub(crate) words: usize,
    /// By source.
    pub(crate) texts: BTreeMap<String, IndexedText>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IndexedText {
    pub(crate) sha256: String,
    pub(crate) passages: usize,
}

impl Contents {
    /// Those of the last commit; `None` where there was no commit yet.
    pub(crate) fn of(
        index: &tantivy::Index,
        folder: &Path,
    ) -> Result<Option<Self>, RetrievalError> {
        let (payload, passages) = reading(folder, || {
            let metas = index.load_metas()?;
            let passages = metas.segments.iter().map(|segment| u64::from(segment.num_docs()));
            Ok((metas.payload, passages.sum::<u64>()))
        })?;
        payload.map(|payload| Self::parse(&payload, passages, folder)).transpose()
    }

    /// What `payload` says, which has to be of as many passages as tantivy has.
    fn parse(payload: &str, passages: u64, folder: &Path) -> Result<Self, RetrievalError> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }

        let invalid = |error: serde_json::Error| damaged(folder, &format!("{META}: {error}"));
        let Format { format } = serde_json::from_str(payload).map_err(invalid)?;
        if format != FORMAT {
            let reason = format!("format {format}, and this one reads {FORMAT}");
            return Err(RetrievalError::OtherVersion { path: folder.to_owned(), reason });
        }
        let contents: Self = serde_json::from_str(payload).map_err(invalid)?;
        if !WORDS.contains(&contents.words) {
            let reason = format!("{META}: passages of {} words", contents.words);
            return Err(damaged(folder, &reason));
        }
        if contents.passages() as u64 != passages {
            let counted = contents.passages();
            let reason = format!("{META}: {passages} passages, and its texts have {counted}");
            return Err(damaged(folder, &reason));
        }
        Ok(contents)
    }

    /// Number of passages of all texts.
    pub(crate) fn passages(&self) -> usize {
        self.texts.values().fold(0, |sum, text| sum.saturating_add(text.passages))
    }
}

/// Tantivy's index in a folder that has one, and what it is of, where a commit said so. All its files
/// match their checksums.
pub(crate) fn open(folder: &Path) -> Result<(tantivy::Index, Option<Contents>), RetrievalError> {
    if !folder.join(META).is_file() {
        return Err(RetrievalError::NoIndex { path: folder.to_owned() });
    }
    check_files(folder)?;
    let index = reading(folder, || tantivy::Index::open_in_dir(folder))?;
    let contents = Contents::of(&index, folder)?;
    if index.schema() != Fields::new().1 {
        let reason = "it keeps other fields of a passage".to_owned();
        return Err(RetrievalError::OtherVersion { path: folder.to_owned(), reason });
    }
    check_sums(&index, folder)?;
    prepare(&index);
    Ok((index, contents))
}

/// Gives the index the analyzer that its schema names.
pub(crate) fn prepare(index: &tantivy::Index) {
    index.tokenizers().register(ANALYZER, analyzer());
}

/// tantivy opens what bears the names of its files and reads two of them whole; and it removes, even
/// outside the folder, whatever its list of files names.
fn check_files(folder: &Path) -> Result<(), RetrievalError> {
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        let kind = match fs_err::metadata(&path) {
            Ok(metadata) => metadata.file_type(),
            // An update has just removed it.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error.into()),
        };
        if !kind.is_file() && !kind.is_dir() {
            let reason = format!("{} is a device, a pipe or a socket", path.display());
            return Err(damaged(folder, &reason));
        }
    }
    let meta = folder.join(META);
    if fs_err::metadata(&meta)?.len() > LISTS.bytes() {
        return Err(LISTS.exceeded(meta.display()).into());
    }
    let managed = folder.join(MANAGED);
    if !managed.exists() {
        return Ok(());
    }
    let names: Vec<String> = serde_json::from_slice(&read(&managed, LISTS)?)
        .map_err(|error| damaged(folder, &format!("{MANAGED}: {error}")))?;
    match names.iter().find(|name| !is_file_name(name)) {
        Some(name) => Err(damaged(folder, &format!("{MANAGED}: {name:?} is not a file's name"))),
        None => Ok(()),
    }
}

/// Compares all files with their checksums: damage that tantivy would not notice changes what is found,
/// and some of what it notices ends the process.
fn check_sums(index: &tantivy::Index, folder: &Path) -> Result<(), RetrievalError> {
    let broken = reading(folder, || {
        let directory = index.directory();
        // Until it is dropped, no update of another process removes a file.
        let _lock = directory.acquire_lock(&META_LOCK)?;
        for path in index.load_metas()?.list_segment_files() {
            if folder.join(&path).exists() && !directory.validate_checksum(&path)? {
                return Ok(Some(path));
            }
        }
        Ok(None)
    })?;
    match broken {
        Some(path) => {
            Err(damaged(folder, &format!("{} does not match its checksum", path.display())))
        }
        None => Ok(()),
    }
}

/// What tantivy makes of the files of an index. It panics on some that are damaged.
pub(crate) fn reading<T>(
    folder: &Path,
    read: impl FnOnce() -> tantivy::Result<T>,
) -> Result<T, RetrievalError> {
    match caught(read) {
        Ok(result) => result.map_err(|error| read_error(folder, &error)),
        Err(reason) => Err(damaged(folder, &reason)),
    }
}

/// What becomes of the files of an index, which are as they were where it fails.
pub(crate) fn writing<T>(
    folder: &Path,
    write: impl FnOnce() -> tantivy::Result<T>,
) -> Result<T, RetrievalError> {
    match caught(write) {
        Ok(result) => result.map_err(|error| write_error(folder, &error)),
        Err(reason) => Err(damaged(folder, &reason)),
    }
}

fn read_error(folder: &Path, error: &TantivyError) -> RetrievalError {
    let path = folder.to_owned();
    match error {
        TantivyError::IncompatibleIndex(_)
        | TantivyError::OpenReadError(OpenReadError::IncompatibleIndex(_)) => {
            RetrievalError::OtherVersion { path, reason: excerpt(&error.to_string()) }
        }
        TantivyError::LockFailure(LockError::LockBusy, _) => RetrievalError::Busy { path },
        error => match of_the_system(error) {
            Some(error) => {
                let message = format!("cannot read {}: {error}", folder.display());
                RetrievalError::Io(std::io::Error::new(error.kind(), message))
            }
            None => damaged(folder, &error.to_string()),
        },
    }
}

fn write_error(folder: &Path, error: &TantivyError) -> RetrievalError {
    match (of_the_system(error), error) {
        (Some(error), _) => unwritten(folder, &error.to_string()),
        (None, TantivyError::ErrorInThread(_) | TantivyError::SystemError(_)) => {
            unwritten(folder, &error.to_string())
        }
        // Some of its threads pass on the system's words alone.
        (None, TantivyError::InternalError(reason)) if reason.contains("os error") => {
            unwritten(folder, reason)
        }
        (None, error) => read_error(folder, error),
    }
}

/// The system's error below one of tantivy's: a full disk or a missing permission is no damage.
fn of_the_system(error: &TantivyError) -> Option<&std::io::Error> {
    let error = match error {
        TantivyError::IoError(error)
        | TantivyError::LockFailure(LockError::IoError(error), _)
        | TantivyError::OpenReadError(OpenReadError::IoError { io_error: error, .. })
        | TantivyError::OpenWriteError(OpenWriteError::IoError { io_error: error, .. })
        | TantivyError::OpenDirectoryError(OpenDirectoryError::IoError {
            io_error: error, ..
        }) => error,
        _ => return None,
    };
    // tantivy's own words for damage.
    let is_damage = matches!(
        error.kind(),
        ErrorKind::UnexpectedEof
            | ErrorKind::InvalidData
            | ErrorKind::InvalidInput
            | ErrorKind::Other
    );
    (!is_damage).then_some(error)
}

fn damaged(folder: &Path, reason: &str) -> RetrievalError {
    RetrievalError::Damaged { path: folder.to_owned(), reason: excerpt(reason) }
}

fn unwritten(folder: &Path, reason: &str) -> RetrievalError {
    let (path, reason) = (folder.to_owned(), excerpt(reason));
    RetrievalError::Unwritten { path, reason, left: "nothing was changed" }
}
