//! Which folders are runs.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use minigpt_files::is_file_name;
use minigpt_train::RunFolder;

use super::Runs;
use super::error::RunError;

/// Of a folder that has one of these, somebody began a run in it.
const MARKS: [&str; 3] = ["train.lock", "metrics.csv", "environment.json"];

/// All that is read of a run.
const PARTS: [&str; 8] = [
    "train.lock",
    "config.json",
    "environment.json",
    "metrics.csv",
    "samples.md",
    "summary.json",
    "evaluation",
    "checkpoints",
];

/// Entries of the folder of runs that are looked at.
const ENTRIES: usize = 10_000;

/// A folder that holds a run, or what is left of one.
#[derive(Debug)]
pub(crate) struct FoundRun {
    name: String,
    path: PathBuf,
}

impl Runs {
    /// The runs of the folder, in no order.
    ///
    /// # Errors
    /// Where the folder cannot be listed. One that is not there has no runs.
    pub(crate) fn find(&self) -> Result<Vec<FoundRun>, RunError> {
        let entries = match fs_err::read_dir(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let names = entries.take(ENTRIES).flatten().map(|entry| entry.file_name().into_string());
        Ok(names.flatten().filter_map(|name| self.open(&name).ok()).collect())
    }

    /// The run of this name.
    ///
    /// # Errors
    /// [`RunError::Unknown`], also of a name that leads out of the folder.
    pub(crate) fn open(&self, name: &str) -> Result<FoundRun, RunError> {
        let found = FoundRun { name: name.to_owned(), path: self.folder.join(name) };
        if is_file_name(name) && is_folder(&found.path) && found.is_run() {
            return Ok(found);
        }
        Err(RunError::Unknown(minigpt_files::excerpt(name)))
    }
}

impl FoundRun {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn is_run(&self) -> bool {
        MARKS.iter().any(|mark| self.path.join(mark).symlink_metadata().is_ok())
    }

    /// The run, to be read.
    ///
    /// # Errors
    /// [`RunError::Unreadable`] where it has no configuration, or a part of it is a link, which may lead to
    /// anybody's file.
    pub(crate) fn folder(&self) -> Result<RunFolder, RunError> {
        for part in PARTS {
            let path = self.path.join(part);
            if path.is_symlink() {
                let message = format!(
                    "{} is a symbolic link: expected a part of the run itself; links are not followed",
                    path.display()
                );
                return Err(RunError::Unreadable(message));
            }
        }
        Ok(RunFolder::open(&self.path)?)
    }
}

/// Whether a folder itself is there, and no link to one.
fn is_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.is_dir())
}
