//! A place for a new run that no other process has.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::TrainError;

/// An empty folder for a run that is about to be made. Dropped while nothing is in it, it is removed
/// again, and so are the folders that were made to hold it.
#[derive(Debug)]
pub struct RunPlace {
    path: PathBuf,
    /// What was made here, the innermost first.
    made: Vec<PathBuf>,
}

impl RunPlace {
    /// `runs/<name>`, or the first of `runs/<name>-2`, `-3`, … that nobody has. Making a folder tells
    /// whose it is, so that runs that begin together get a place each.
    ///
    /// # Errors
    /// [`TrainError::Io`] where a folder cannot be made.
    pub fn first_free(runs: &Path, name: &str) -> Result<Self, TrainError> {
        let is_missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
        let missing = runs.ancestors().take_while(is_missing).map(Path::to_owned).collect();
        let mut place = Self { path: runs.join(name), made: missing };
        fs_err::create_dir_all(runs)?;
        for number in 2_u64.. {
            match fs_err::create_dir(&place.path) {
                Ok(()) => break,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    place.path = runs.join(format!("{name}-{number}"));
                }
                Err(error) => return Err(error.into()),
            }
        }
        place.made.insert(0, place.path.clone());
        Ok(place)
    }

    /// The path of the folder, which is there already.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for RunPlace {
    fn drop(&mut self) {
        for folder in &self.made {
            // A folder with something in it is not removed, and is meant to stay.
            let _ = fs_err::remove_dir(folder);
        }
    }
}

#[cfg(test)]
mod tests;
