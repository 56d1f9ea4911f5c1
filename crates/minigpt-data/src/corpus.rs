//! Which text is trained on, and which is held out.

use std::path::{Path, PathBuf};

use crate::files::{read_text, unpack_text};
use crate::{DataError, END_OF_TEXT};

/// Documents to train on and documents held out to measure with.
///
/// A document is a stretch of text that has nothing to do with its neighbours: a novel, an
/// article, a story. In files, documents are separated by [`END_OF_TEXT`], usually on a line of its
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
}

impl Corpus {
    /// Four novels by Jane Austen (2.7 MB), and the start of a fifth held out (160 kB).
    ///
    /// Public domain and plain ASCII; `assets/README.md` says where it comes from.
    ///
    /// # Errors
    /// [`DataError::BadXz`] if the program's own copy is damaged.
    pub fn embedded() -> Result<Self, DataError> {
        let train = include_bytes!("../assets/austen-train.txt.xz");
        let valid = include_bytes!("../assets/austen-valid.txt.xz");
        Ok(Self {
            name: "austen".to_owned(),
            train: split_documents(&unpack_text(train, "austen-train.txt.xz")?),
            valid: split_documents(&unpack_text(valid, "austen-valid.txt.xz")?),
        })
    }

    /// Reads a text file or a folder.
    ///
    /// - **A file** may have any name; with `.xz` at the end it is unpacked first.
    /// - **A folder with `train.txt`** (or `train.md`, or either with `.xz`) is taken to be split
    ///   already: `valid.*`, `val.*` or `validation.*` is held out if there is one. All other
    ///   files are ignored, `test.*` among them.
    /// - **Any other folder** gives every `.txt` and `.md` file in it and in its subfolders, plain
    ///   or with `.xz`, sorted by path; names that start with a dot are left out and links to
    ///   folders are not followed.
    ///
    /// Where no part is held out by name, the end of the text is: whole documents, the fewest that
    /// hold at least a tenth of the bytes. Where these would be more than a fifth (a single novel,
    /// say), the document that reaches over the nine tenths mark is cut in two instead, at the end
    /// of the last paragraph before the mark, or failing that of a line, a word or a character.
    ///
    /// # Errors
    /// One for each way in which the path can disappoint: [`DataError::Missing`],
    /// [`DataError::Empty`], [`DataError::NoTextFiles`], [`DataError::AmbiguousSplit`],
    /// [`DataError::NotText`], [`DataError::BadXz`], [`DataError::TooSmall`], [`DataError::Io`].
    pub fn from_path(path: &Path) -> Result<Self, DataError> {
        let name = name_of(path)?;
        if path.is_dir()
            && let Some(train) = find_split(path, "train", &["train"])?
        {
            let train = read_documents(&train)?;
            return match find_split(path, "validation", &["valid", "val", "validation"])? {
                Some(valid) => Ok(Self { name, train, valid: read_documents(&valid)? }),
                None => Self::holding_out_a_tenth(name, train, path),
            };
        }
        Self::holding_out_a_tenth(name, read_documents(path)?, path)
    }

    /// Reads the training text from one file or folder and the held-out text from another, each
    /// as a whole.
    ///
    /// # Errors
    /// As [`Corpus::from_path`], without [`DataError::TooSmall`] and [`DataError::AmbiguousSplit`].
    pub fn from_path_and_valid(train: &Path, valid: &Path) -> Result<Self, DataError> {
        Ok(Self {
            name: name_of(train)?,
            train: read_documents(train)?,
            valid: read_documents(valid)?,
        })
    }

    fn holding_out_a_tenth(
        name: String,
        documents: Vec<String>,
        path: &Path,
    ) -> Result<Self, DataError> {
        let bytes = documents.iter().map(String::len).sum();
        let (train, valid) = hold_out_tenth(documents);
        if train.is_empty() {
            return Err(DataError::TooSmall { path: path.to_owned(), bytes });
        }
        Ok(Self { name, train, valid })
    }
}

/// The last part of the path without extensions: "wikitext-2" for a folder of that name, "input"
/// for `input.txt.xz`. Resolves the path first, so that "." has a name as well.
fn name_of(path: &Path) -> Result<String, DataError> {
    if !path.try_exists()? {
        return Err(DataError::Missing { path: path.to_owned() });
    }
    let resolved = fs_err::canonicalize(path)?;
    let last = resolved.file_name().unwrap_or_default().to_string_lossy();
    Ok(if resolved.is_dir() { last.as_ref() } else { stem(&last) }.to_owned())
}

/// A file name without `.xz` and without the extension before it.
fn stem(file_name: &str) -> &str {
    let plain = file_name.strip_suffix(".xz").unwrap_or(file_name);
    match plain.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => plain,
    }
}

fn is_text_name(file_name: &str) -> bool {
    let plain = file_name.strip_suffix(".xz").unwrap_or(file_name);
    !plain.starts_with('.') && (plain.ends_with(".txt") || plain.ends_with(".md"))
}

/// The one text file directly in `folder` whose stem is among `stems`, if there is one.
fn find_split(
    folder: &Path,
    split: &'static str,
    stems: &[&str],
) -> Result<Option<PathBuf>, DataError> {
    let mut names = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if is_text_name(&name) && stems.contains(&stem(&name)) {
            names.push(name);
        }
    }
    if names.len() > 1 {
        names.sort();
        let files = names.join(", ");
        return Err(DataError::AmbiguousSplit { path: folder.to_owned(), split, files });
    }
    Ok(names.pop().map(|name| folder.join(name)))
}

/// All documents of a file, or of a folder's text files in the order of their paths.
fn read_documents(path: &Path) -> Result<Vec<String>, DataError> {
    if !path.try_exists()? {
        return Err(DataError::Missing { path: path.to_owned() });
    }
    let mut files = Vec::new();
    if path.is_dir() {
        collect_text_files(path, &mut files)?;
        if files.is_empty() {
            return Err(DataError::NoTextFiles { path: path.to_owned() });
        }
        files.sort();
    } else {
        files.push(path.to_owned());
    }
    let mut documents = Vec::new();
    for file in files {
        documents.extend(split_documents(&read_text(&file)?));
    }
    if documents.is_empty() {
        return Err(DataError::Empty { path: path.to_owned() });
    }
    Ok(documents)
}

fn collect_text_files(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), DataError> {
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() {
            if !name.starts_with('.') {
                collect_text_files(&entry.path(), files)?;
            }
        } else if is_text_name(&name) && entry.path().is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}

fn split_documents(text: &str) -> Vec<String> {
    let mut parts = text.split(END_OF_TEXT);
    let first = parts.next().into_iter();
    let others = parts.map(|part| {
        let rest_of_line = part.strip_prefix("\r\n").or_else(|| part.strip_prefix('\n'));
        rest_of_line.unwrap_or(part)
    });
    first.chain(others).filter(|part| !part.trim().is_empty()).map(str::to_owned).collect()
}

/// Splits at about nine tenths of the bytes, as [`Corpus::from_path`] describes. The first half is
/// empty if the text is too short to be cut.
fn hold_out_tenth(mut documents: Vec<String>) -> (Vec<String>, Vec<String>) {
    let total: usize = documents.iter().map(String::len).sum();
    let (mut first, mut held) = (documents.len(), 0);
    while held * 10 < total {
        first -= 1;
        held += documents[first].len();
    }
    let mut valid = documents.split_off(first);
    if held * 5 > total {
        let document = valid.remove(0);
        let already_held = held - document.len();
        let cut = break_before(&document, document.len() + already_held - total.div_ceil(10));
        let (head, tail) = document.split_at(cut);
        if !head.is_empty() {
            documents.push(head.to_owned());
        }
        valid.insert(0, tail.to_owned());
    }
    (documents, valid)
}

/// The best place to cut `text`, at byte `mark` or up to a tenth before it.
fn break_before(text: &str, mark: usize) -> usize {
    let mark = text.floor_char_boundary(mark);
    let from = text.floor_char_boundary(mark - mark / 10);
    let range = &text[from..mark];
    // A space belongs to the word after it, as GPT-2's tokenizer has it.
    let offset = (range.rfind("\n\n").map(|at| at + 2))
        .or_else(|| range.rfind('\n').map(|at| at + 1))
        .or_else(|| range.rfind(' '))
        .unwrap_or(range.len());
    from + offset
}
