//! What cannot be read is set aside, never removed.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Called with files that were set aside or are missing.
pub(crate) type OnRepair<'a> = &'a mut dyn FnMut(String);

/// Gives a file or folder the name with `.damaged` after it, or the first free of `.damaged-2`, `-3`, …,
/// and tells that name: another version of minigpt may read it, or its owner mend it.
pub(crate) fn set_aside(path: &Path) -> std::io::Result<String> {
    let numbered = (2_u64..).map(|number| format!(".damaged-{number}"));
    let is_free = |path: &PathBuf| fs_err::symlink_metadata(path).is_err();
    let mut names = std::iter::once(".damaged".to_owned()).chain(numbered).map(|ending| {
        let mut name = OsString::from(path);
        name.push(ending);
        PathBuf::from(name)
    });
    let aside = names.find(is_free).unwrap_or_default();
    fs_err::rename(path, &aside)?;
    Ok(aside.file_name().unwrap_or_default().to_string_lossy().into_owned())
}
