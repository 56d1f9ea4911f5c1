//! Which files of a folder, or of a dataset on the hub, are which split.

use std::path::{Path, PathBuf};

use crate::DataError;
use crate::input::{is_data_name, stem};

/// The parts of a corpus, with the names that files of each go by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Split {
    Train,
    Valid,
    Test,
}

impl Split {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Valid => "validation",
            Self::Test => "test",
        }
    }

    fn stems(self) -> &'static [&'static str] {
        match self {
            Self::Train => &["train"],
            Self::Valid => &["valid", "val", "validation"],
            Self::Test => &["test"],
        }
    }

    /// Whether a path names this split, as datasets do: `train.jsonl`, `train-00000-of-00002.parquet`
    /// or `train/0000.parquet`.
    pub(crate) fn is_named_by(self, path: &str) -> bool {
        let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
        let folder = folders.rsplit('/').next().unwrap_or_default();
        let is_numbered = |number: &str| number.starts_with(|c: char| c.is_ascii_digit());
        self.stems().iter().any(|split| {
            let rest = stem(name).strip_prefix(split);
            rest == Some("")
                || rest.and_then(|rest| rest.strip_prefix('-')).is_some_and(is_numbered)
                || folder == *split
        })
    }
}

/// The files directly in `folder` that are named for the split, sorted: one, or numbered parts.
pub(crate) fn find_split(folder: &Path, split: Split) -> Result<Vec<PathBuf>, DataError> {
    let mut names = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if is_data_name(&name) && split.is_named_by(&name) {
            names.push(name);
        }
    }
    names.sort();
    let whole = names.iter().any(|name| split.stems().contains(&stem(name)));
    if whole && names.len() > 1 {
        let files = names.join(", ");
        let split = split.name();
        return Err(DataError::AmbiguousSplit { path: folder.to_owned(), split, files });
    }
    check_complete(folder, &names)?;
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}

/// Refuses `train-00000-of-00002.parquet` without its other half.
pub(crate) fn check_complete(folder: &Path, names: &[String]) -> Result<(), DataError> {
    let expected = |name: &String| -> Option<usize> {
        let (_, total) = stem(name).split_once("-of-")?;
        total.split('-').next()?.parse().ok()
    };
    let Some((name, expected)) = names.iter().find_map(|name| Some((name, expected(name)?))) else {
        return Ok(());
    };
    if names.len() >= expected {
        return Ok(());
    }
    Err(DataError::MissingParts { path: folder.join(name), found: names.len(), expected })
}

/// All data files below a folder, sorted by path.
pub(crate) fn data_files(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut files = Vec::new();
    collect(folder, is_data_name, &mut files)?;
    if files.is_empty() {
        return Err(DataError::NoTextFiles { path: folder.to_owned() });
    }
    files.sort();
    Ok(files)
}

/// The files of a folder and those below it whose names are wanted; folders that are hidden are left out.
pub(crate) fn collect(
    folder: &Path,
    is_wanted: fn(&str) -> bool,
    files: &mut Vec<PathBuf>,
) -> Result<(), DataError> {
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() {
            if !name.starts_with('.') {
                collect(&entry.path(), is_wanted, files)?;
            }
        } else if is_wanted(&name) && entry.path().is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}

/// The files that a pattern such as `books/*.txt` matches, sorted by path.
pub(crate) fn glob_files(pattern: &str) -> Result<Vec<PathBuf>, DataError> {
    let bad = |reason: String| DataError::BadPattern { pattern: pattern.to_owned(), reason };
    let mut files = Vec::new();
    for path in glob::glob(pattern).map_err(|error| bad(error.to_string()))? {
        let path = path.map_err(|error| bad(error.to_string()))?;
        if path.is_file() {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(bad("it matches no file".to_owned()));
    }
    Ok(files)
}
