//! Which text is trained on, and which is held out.

use std::path::Path;

use crate::{DataError, Documents, ReadOptions};

/// Documents to train on and documents held out to measure with.
///
/// A document is a stretch of text that has nothing to do with its neighbours: a novel, an
/// article, a story. In text files, documents are separated by [`END_OF_TEXT`](crate::END_OF_TEXT), usually on a line of its
/// own; neither the marker nor the end of its line is part of a document, all other text is kept
/// byte for byte. Documents of nothing but white space are dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corpus {
    /// A short name for titles and folders: "austen", or the name of the file or folder without
    /// its extension.
    pub name: String,
    /// Documents to train on, never empty.
    pub train: Vec<String>,
    /// Held-out documents, never empty.
    pub valid: Vec<String>,
    /// Documents for a last measurement, never empty; few sources have them.
    pub test: Option<Vec<String>>,
}

impl Corpus {
    /// Four novels by Jane Austen (2.7 MB), and the start of a fifth held out (160 kB).
    ///
    /// Public domain and plain ASCII; `assets/README.md` says where it comes from.
    ///
    /// # Errors
    /// [`DataError::BadPacking`] if the program's own copy is damaged.
    pub fn embedded() -> Result<Self, DataError> {
        Documents::embedded(&ReadOptions::default()).read()
    }

    /// Reads a file or a folder.
    ///
    /// - **A file** may have any name. `.jsonl` gives a document per line, `.json` one per object of a
    ///   list, `.csv`, `.tsv` and `.parquet` one per row; any other file is text. With `.gz`, `.xz` or
    ///   `.zst` at the end it is unpacked first.
    /// - **A folder with a file for training** is taken to be split already: `train.txt` (or
    ///   `.md`, `.jsonl`, `.parquet`, packed or not), or in numbered parts
    ///   `train-00000-of-00002.parquet`. `valid.*`, `val.*` or `validation.*` is held out if there
    ///   is one, and `test.*` is the test split. All other files are ignored.
    /// - **Any other folder** gives every `.txt`, `.md`, `.jsonl` and `.parquet` file in it and in its
    ///   subfolders, sorted by path; names that start with a dot are left out and links to folders
    ///   are not followed.
    ///
    /// Where no part is held out by name, the end of the text is: whole documents, the fewest that
    /// hold at least a tenth of the bytes. Where these would be more than a fifth (a single novel,
    /// say), the document that reaches over the nine tenths mark is cut in two instead, at the end
    /// of the last paragraph before the mark, or failing that of a line, a word or a character.
    ///
    /// # Errors
    /// As [`Source::open`](crate::Source::open) and [`Documents::read`].
    pub fn from_path(path: &Path) -> Result<Self, DataError> {
        Documents::in_path(path, &ReadOptions::default())?.read()
    }

    /// Reads the training text from one file or folder and the held-out text from another, each
    /// as a whole.
    ///
    /// # Errors
    /// As [`Corpus::from_path`], without [`DataError::TooSmall`].
    pub fn from_path_and_valid(train: &Path, valid: &Path) -> Result<Self, DataError> {
        let options = ReadOptions::default();
        let valid = Documents::in_path(valid, &options)?;
        Documents::in_path(train, &options)?.held_out_by(valid).read()
    }
}
