//! The files that a source of examples has, and which of them are held out.

use std::path::{Path, PathBuf};

use crate::documents::{Documents, STANDARD_INPUT};
use crate::files::DataFile;
use crate::folder::{Split, check_complete, collect, glob_files};
use crate::input::is_record_name;
use crate::{DataError, Download, ReadOptions, Source};

/// The files of a source of examples.
pub(super) struct ExampleFiles {
    pub(super) train: Vec<DataFile>,
    /// Where there are none, a part of the others is held out.
    pub(super) valid: Vec<DataFile>,
    /// The copy of a stream, which goes with it.
    _copy: Option<Documents>,
}

impl ExampleFiles {
    /// Finds them. In a folder, those count whose names tell of records, and `train.*` and `valid.*` bring a split.
    pub(super) fn find(
        source: &Source,
        options: &ReadOptions,
        progress: &mut dyn FnMut(Download),
    ) -> Result<Self, DataError> {
        let of = |train: Vec<PathBuf>, valid: Vec<PathBuf>| {
            let files = |paths: Vec<PathBuf>| paths.into_iter().map(DataFile::from).collect();
            Self { train: files(train), valid: files(valid), _copy: None }
        };
        match source {
            Source::Embedded => Err(DataError::NoExamples { path: PathBuf::from("embedded") }),
            Source::Stdin => Self::copied(Documents::in_standard_input(options)?),
            Source::Path(path) if path.is_dir() => {
                let [train, valid] = in_folder(path)?;
                Ok(of(train, valid))
            }
            Source::Path(path) if !path.try_exists()? => {
                Err(DataError::Missing { path: path.clone() })
            }
            Source::Path(path) if path.is_file() => Ok(of(vec![path.clone()], Vec::new())),
            Source::Path(path) => Self::copied(Documents::in_path(path, options)?),
            Source::Pattern(pattern) => Ok(of(glob_files(pattern)?, Vec::new())),
            Source::Hub(dataset) => {
                let [train, valid] = dataset.files_of_records(options, progress)?;
                Ok(of(train, valid))
            }
        }
    }

    /// A stream, copied to a file.
    fn copied(documents: Documents) -> Result<Self, DataError> {
        let train = documents.copied_files();
        if train.is_empty() {
            return Err(DataError::NoExamples { path: PathBuf::from(STANDARD_INPUT) });
        }
        Ok(Self { train, valid: Vec::new(), _copy: Some(documents) })
    }
}

/// The files of records below a folder, and those of them that are named for validation.
fn in_folder(folder: &Path) -> Result<[Vec<PathBuf>; 2], DataError> {
    let mut files = Vec::new();
    collect(folder, is_record_name, &mut files)?;
    if files.is_empty() {
        return Err(DataError::NoExampleFiles { path: folder.to_owned() });
    }
    files.sort();
    let names: Vec<String> = files
        .iter()
        .map(|file| file.strip_prefix(folder).unwrap_or(file).to_string_lossy().replace('\\', "/"))
        .collect();
    let of = |split: Split| {
        let named = files.iter().zip(&names).filter(|(_, name)| split.is_named_by(name));
        named.map(|(file, _)| file.clone()).collect::<Vec<_>>()
    };
    let train = of(Split::Train);
    if train.is_empty() {
        return Ok([files, Vec::new()]);
    }
    let valid = of(Split::Valid);
    for split in [&train, &valid] {
        let name = |file: &PathBuf| Some(file.file_name()?.to_string_lossy().into_owned());
        check_complete(folder, &split.iter().filter_map(name).collect::<Vec<_>>())?;
    }
    Ok([train, valid])
}
