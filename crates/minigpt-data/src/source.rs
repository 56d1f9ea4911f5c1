//! Where text comes from: one string for all the places.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::documents::Documents;
use crate::{Corpus, DataError, Download, Hub, HubDataset, Separator};

/// Where text comes from. Parsed, displayed and serialised as one string:
///
/// | string | what is read |
/// |---|---|
/// | `embedded` | the Jane Austen corpus in the program |
/// | a path to a file | `.jsonl`, `.json`, `.csv`, `.tsv` and `.parquet` as records, anything else as text |
/// | a path to a pipe | the same, copied first |
/// | a path to a folder | the data files in it; see [`Corpus::from_path`] for splits |
/// | a pattern with `*`, `?` or `[` | all files that match, sorted by path |
/// | `-` | standard input, as text |
/// | `hf:owner/dataset/config@revision` | a [`HubDataset`]; config and revision can be left out |
///
/// A name that also ends in `.gz`, `.xz` or `.zst` is unpacked while it is read. A file that is
/// named `embedded` or `-` can be given as `./embedded`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Source {
    /// Four novels by Jane Austen, in the program itself.
    Embedded,
    /// A file or a folder.
    Path(PathBuf),
    /// All files that match a pattern.
    Pattern(String),
    /// Standard input.
    Stdin,
    /// A dataset on the Hugging Face hub.
    Hub(HubDataset),
}

/// How the files of a source are to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadOptions {
    /// The field of a `.jsonl` or `.json` record or the column of a `.csv`, `.tsv` or `.parquet` file that
    /// holds the text.
    pub text_field: String,
    /// Whether bytes that are no UTF-8, and halves of surrogate pairs in JSON, become U+FFFD, instead of
    /// being an error that names the place; NUL bytes are then accepted as they are.
    pub lossy: bool,
    /// What stands between the values of `.csv` and `.tsv` files, in place of commas and tabs.
    pub separator: Option<Separator>,
    /// Whether records are lines of one text, as in WikiText, instead of documents. A record without an end of line gets one.
    pub lines: bool,
    /// Where datasets and tokenizers on the hub are to be had.
    pub hub: Hub,
}

impl Default for ReadOptions {
    /// Text in the field "text", no bad bytes, commas and tabs, a document per record, and the hub of
    /// [`Hub::from_env`].
    fn default() -> Self {
        let (text_field, hub) = ("text".to_owned(), Hub::from_env());
        Self { text_field, lossy: false, separator: None, lines: false, hub }
    }
}

impl FromStr for Source {
    type Err = DataError;

    /// A path that exists is a path even if it looks like a pattern.
    fn from_str(text: &str) -> Result<Self, DataError> {
        if let Some(dataset) = text.strip_prefix("hf:") {
            return dataset.parse().map(Self::Hub);
        }
        Ok(match text {
            "" => return Err(DataError::Missing { path: PathBuf::new() }),
            "embedded" => Self::Embedded,
            "-" => Self::Stdin,
            _ if text.contains(['*', '?', '[']) && !Path::new(text).exists() => {
                Self::Pattern(text.to_owned())
            }
            _ => Self::Path(PathBuf::from(text)),
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded => f.write_str("embedded"),
            Self::Path(path) => path.display().fmt(f),
            Self::Pattern(pattern) => f.write_str(pattern),
            Self::Stdin => f.write_str("-"),
            Self::Hub(dataset) => write!(f, "hf:{dataset}"),
        }
    }
}

impl TryFrom<String> for Source {
    type Error = DataError;

    fn try_from(text: String) -> Result<Self, DataError> {
        text.parse()
    }
}

impl From<Source> for String {
    fn from(source: Source) -> Self {
        source.to_string()
    }
}

impl Source {
    /// Finds the files of the source and its splits; reads nothing yet but standard input, which
    /// is copied to a temporary file, and downloads from the hub what is not in its cache.
    ///
    /// # Errors
    /// One for each way in which the place can disappoint: [`DataError::Missing`],
    /// [`DataError::NoTextFiles`], [`DataError::AmbiguousSplit`], [`DataError::MissingParts`],
    /// [`DataError::BadPattern`], [`DataError::Hub`], [`DataError::Io`].
    pub fn open(&self, options: &ReadOptions) -> Result<Documents, DataError> {
        self.open_with_progress(options, &mut |_| {})
    }

    /// As [`Source::open`]; `progress` is called while files are downloaded.
    ///
    /// # Errors
    /// As [`Source::open`].
    pub fn open_with_progress(
        &self,
        options: &ReadOptions,
        progress: &mut dyn FnMut(Download),
    ) -> Result<Documents, DataError> {
        match self {
            Self::Embedded => Ok(Documents::embedded(options)),
            Self::Path(path) => Documents::in_path(path, options),
            Self::Pattern(pattern) => Documents::in_pattern(pattern, options),
            Self::Stdin => Documents::in_standard_input(options),
            Self::Hub(dataset) => dataset.open(options, progress),
        }
    }

    /// Reads all of it into memory.
    ///
    /// # Errors
    /// As [`Source::open`] and [`Documents::read`].
    pub fn read(&self, options: &ReadOptions) -> Result<Corpus, DataError> {
        self.open(options)?.read()
    }
}
