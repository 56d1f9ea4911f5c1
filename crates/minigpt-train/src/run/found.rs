//! Which folders are runs.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use minigpt_files::{is_file_name, is_folder};

use super::models::{BASE_FILE, EARLIER_BASE_FILE};
use super::{CHECKPOINTS, EVENTS, LOCK_FILE, REFERENCES_FILE, RunFolder};
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

/// Files of a run that are read again, by it or of it, besides those of its folders.
const FILES: [&str; 12] = [
    LOCK_FILE,
    BASE_FILE,
    EARLIER_BASE_FILE,
    REFERENCES_FILE,
    "config.json",
    "environment.json",
    "generation_config.json",
    "metrics.csv",
    "samples.md",
    "start.json",
    "summary.json",
    "tokenizer.json",
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
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The folder of runs, as it was named.
    #[must_use]
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
    #[must_use]
    pub fn open(&self, name: &str) -> Option<FoundRun> {
        let run = FoundRun { name: name.to_owned(), path: self.path.join(name) };
        (is_file_name(name) && is_folder(&run.path) && run.is_run()).then_some(run)
    }
}

/// Whether a path, of a file that need not be there, is that of a file which a run reads: its settings, figures,
/// tokenizer, checkpoints, adapter or evaluations. Pictures and reports are drawn again.
#[must_use]
pub fn is_part_of_run(path: &Path) -> bool {
    // As links lead: of a file that is there its own, else its folder's.
    let whole = fs_err::canonicalize(path).ok().or_else(|| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = fs_err::canonicalize(folder.unwrap_or(Path::new("."))).ok()?;
        Some(folder.join(path.file_name()?))
    });
    let Some(whole) = whole else { return false };
    whole.ancestors().skip(1).filter(|folder| is_surely_run(folder)).any(|run| {
        let Ok(inside) = whole.strip_prefix(run) else { return false };
        let mut parts = inside.iter().map(|part| part.to_string_lossy());
        match (parts.next().as_deref(), parts.next()) {
            (Some(file), None) => FILES.contains(&file) || file.starts_with(EVENTS),
            (Some(CHECKPOINTS | "adapter"), _) => true,
            (Some("evaluation"), _) => inside.extension().is_some_and(|ending| ending == "json"),
            _ => false,
        }
    })
}

/// Whether a folder is a run's beyond doubt: a table of somebody's may be called `metrics.csv` too.
fn is_surely_run(folder: &Path) -> bool {
    let has = |name: &str| folder.join(name).symlink_metadata().is_ok();
    has(LOCK_FILE) || (has("config.json") && (has("metrics.csv") || has("environment.json")))
}

impl FoundRun {
    /// The run in `path`, if somebody began one there.
    #[must_use]
    pub fn at(path: &Path) -> Option<Self> {
        let whole = std::path::absolute(path).ok()?;
        let name = whole.file_name()?.to_string_lossy().into_owned();
        let run = Self { name, path: path.to_owned() };
        (is_folder(path) && run.is_run()).then_some(run)
    }

    /// As [`at`](Self::at), of a path that somebody names: a link to a run's folder is followed.
    #[must_use]
    pub fn named(path: &Path) -> Option<Self> {
        let whole = path.is_symlink().then(|| fs_err::canonicalize(path).ok()).flatten();
        Self::at(&whole.unwrap_or_else(|| path.to_owned()))
    }

    /// The name of the run, which is its folder's.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The path of the run's folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn is_run(&self) -> bool {
        MARKS.iter().any(|mark| self.path.join(mark).symlink_metadata().is_ok())
    }

    /// The run, to be read.
    ///
    /// # Errors
    /// [`TrainError::NoRun`] where it is gone, [`TrainError::NotARun`] where it has no configuration, [`TrainError::Link`] where a part of it is a link,
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

#[cfg(test)]
mod tests;
