//! What a folder takes of the disk.

use std::io::Result;
use std::path::{Path, PathBuf};

/// What a folder takes of the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FolderSize {
    /// Bytes of its files.
    pub bytes: u64,
    /// Files and folders that were looked at.
    pub entries: usize,
    /// Whether it has more entries than were looked at.
    pub has_more: bool,
}

/// Adds up the files below `path`, or is the size of the file there; at most `most` entries are looked at. Links are
/// not followed, and what cannot be read counts nothing.
///
/// # Errors
/// Those of the system where `path` itself cannot be read, with the path.
pub fn size_below(path: &Path, most: usize) -> Result<FolderSize> {
    let found = fs_err::symlink_metadata(path)?;
    if !found.is_dir() {
        return Ok(FolderSize { bytes: found.len(), entries: 1, has_more: false });
    }
    let mut size = FolderSize::default();
    let mut folders: Vec<PathBuf> = vec![path.to_owned()];
    fs_err::read_dir(path)?;
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs_err::read_dir(folder) else { continue };
        for entry in entries.flatten() {
            if size.entries == most {
                size.has_more = true;
                return Ok(size);
            }
            size.entries += 1;
            match entry.metadata() {
                Ok(found) if found.is_dir() => folders.push(entry.path()),
                Ok(found) => size.bytes = size.bytes.saturating_add(found.len()),
                Err(_) => {}
            }
        }
    }
    Ok(size)
}

#[cfg(test)]
mod tests;
