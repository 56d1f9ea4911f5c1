//! Files that a user names for what a command writes: what they may be, before the work begins.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use minigpt_files::{check_named, named_file};
use minigpt_train::is_part_of_run;

/// Makes sure that a table can be written to `path`, which may also be a device or a pipe.
pub(crate) fn check_table(option: &str, path: &Path) -> Result<()> {
    refuse_part_of_run(option, path)?;
    check_named(path).with_context(|| option.to_owned())
}

/// The picture that is meant by `path`: where a link leads. It has to be a regular file, whose name says its format.
pub(crate) fn picture(option: &str, path: &Path) -> Result<PathBuf> {
    let file = file(option, path)?;
    let ending = file.extension().and_then(|ending| ending.to_str());
    ensure!(
        matches!(ending, Some("png" | "svg")),
        "{option} {}: expected a name that ends in .png or .svg",
        file.display()
    );
    Ok(file)
}

/// The file that is meant by `path`: where a link leads. It has to be a regular one.
pub(crate) fn file(option: &str, path: &Path) -> Result<PathBuf> {
    refuse_part_of_run(option, path)?;
    named_file(path).with_context(|| option.to_owned())
}

/// Makes sure that two results go to two places.
pub(crate) fn check_apart(one: (&str, &Path), other: (&str, &Path)) -> Result<()> {
    ensure!(
        place(one.1) != place(other.1),
        "{} and {} name the same file, {}: expected two",
        one.0,
        other.0,
        other.1.display()
    );
    Ok(())
}

fn refuse_part_of_run(option: &str, path: &Path) -> Result<()> {
    ensure!(
        !is_part_of_run(path),
        "{option} {}: that is a part of a run and would be overwritten: expected another name",
        path.display()
    );
    Ok(())
}

/// Where a path leads, also one of a file that is not there yet.
fn place(path: &Path) -> PathBuf {
    let of_folder = || {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = fs_err::canonicalize(folder.unwrap_or(Path::new("."))).ok()?;
        Some(folder.join(path.file_name()?))
    };
    fs_err::canonicalize(path).ok().or_else(of_folder).unwrap_or_else(|| path.to_owned())
}

#[cfg(test)]
mod tests;
