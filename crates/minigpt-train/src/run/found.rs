//! Which folders are runs.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use minigpt_files::{is_file_name, is_folder};

use super::{CHECKPOINTS, LOCK_FILE, RunFolder};
use crate::error::TrainError;

/// Of a folder that has one of these, somebody began a run in it.
const MARKS: [&str; 3] = [LOCK_FILE, "metrics.csv", "environment.json"];

/// All that is read of a run.
const PARTS: [&str; 9] = [
    LOCK_FILE,
    "config.json",
    "environment.json",
    "metrics.csv",
    "samples.md",
    "summary.json",
    "evaluation",
    "plots",
    CHECKPOINTS,
];

/// Entries of the folder of runs that are looked at.
const ENTRIES: usize = 10_000;

/// The folder that runs lie in, mostly `runs`. Links are not followed: a run is what lies in the folder itself.
#[derive(Clone, Debug)]
pub struct Runs {
    path: PathBuf,
}

/// A folder that holds a run, or what is left of one.
#[derive(Clone, Debug)]
pub struct FoundRun {
    name: String,
    path: PathBuf,
}

impl Runs {
    /// The runs in `path`; the folder need not be there yet.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The folder, as it was named.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The runs of the folder, in no order.
    ///
    /// # Errors
    /// [`TrainError::Io`] where the folder cannot be listed. One that is not there has no runs.
    pub fn find(&self) -> Result<Vec<FoundRun>, TrainError> {
        let entries = match fs_err::read_dir(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let names = entries.take(ENTRIES).flatten().map(|entry| entry.file_name().into_string());
        Ok(names.flatten().filter_map(|name| self.open(&name)).collect())
    }

    /// The run of this name; none where there is no such run, or the name leads out of the folder.
    pub fn open(&self, name: &str) -> Option<FoundRun> {
        let run = FoundRun { name: name.to_owned(), path: self.path.join(name) };
        (is_file_name(name) && is_folder(&run.path) && run.is_run()).then_some(run)
    }
}

impl FoundRun {
    /// The run in `path`, if somebody began one there.
    pub fn at(path: &Path) -> Option<Self> {
        let whole = std::path::absolute(path).ok()?;
        let name = whole.file_name()?.to_string_lossy().into_owned();
        let run = Self { name, path: path.to_owned() };
        (is_folder(path) && run.is_run()).then_some(run)
    }

    /// The folder's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn is_run(&self) -> bool {
        MARKS.iter().any(|mark| self.path.join(mark).symlink_metadata().is_ok())
    }

    /// The run, to be read.
    ///
    /// # Errors
    /// [`TrainError::NotARun`] where it has no configuration, [`TrainError::Link`] where a part of it is a link,
    /// which may lead to anybody's file.
    pub fn folder(&self) -> Result<RunFolder, TrainError> {
        for part in PARTS {
            let path = self.path.join(part);
            if path.is_symlink() {
                return Err(TrainError::Link { path });
            }
        }
        RunFolder::open(&self.path)
    }
}
