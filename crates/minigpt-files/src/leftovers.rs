//! What processes that died left in a folder.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::is_temporary;

/// A file that is younger may be somebody's who writes just now.
const OLD: Duration = Duration::from_secs(3600);

/// Files and folders in `folder` that were left under a [temporary name](is_temporary). None where it cannot be read, is
/// missing, or is a link to a folder.
#[must_use]
pub fn leftovers(folder: &Path) -> Vec<PathBuf> {
    if !folder.symlink_metadata().is_ok_and(|found| found.is_dir()) {
        return Vec::new();
    }
    let Ok(entries) = fs_err::read_dir(folder) else { return Vec::new() };
    let is_temporary = |name: &std::ffi::OsStr| is_temporary(&name.to_string_lossy());
    let entries = entries.flatten().filter(|entry| is_temporary(&entry.file_name()));
    entries.map(|entry| entry.path()).filter(|path| is_left(path)).collect()
}

/// Whether nothing was written for an hour: into a file, or into those of a folder.
#[must_use]
pub fn is_left(path: &Path) -> bool {
    let modified = |path: &Path| path.symlink_metadata().and_then(|found| found.modified()).ok();
    let is_folder = path.symlink_metadata().is_ok_and(|found| found.is_dir());
    let entries = is_folder.then(|| fs_err::read_dir(path).ok()).flatten();
    let newest = entries
        .and_then(|entries| entries.flatten().filter_map(|entry| modified(&entry.path())).max());
    let age = newest.or_else(|| modified(path));
    let age = age.and_then(|time| SystemTime::now().duration_since(time).ok());
    age.is_some_and(|age| age >= OLD)
}

#[cfg(test)]
mod tests;
