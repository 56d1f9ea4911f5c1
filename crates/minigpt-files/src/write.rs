//! Writing so that nobody sees a part, and nothing of anybody's is lost.

use std::fmt::Display;
use std::io::{BufWriter, Error, ErrorKind, Result, Write};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempDir};

/// What temporary names begin with, for who finds one after a crash.
const PREFIX: &str = ".minigpt-";

/// Whether a name is of those under which files and folders are written before they are whole.
#[must_use]
pub fn is_temporary(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// Writes a whole file: whoever opens `path`, now or after a crash, finds the old one or the new one.
///
/// It is written beside `path` under a temporary name that is new, synced, renamed, and the folder
/// synced. A link at `path` is replaced and not followed.
///
/// # Errors
/// Those of the system, with the path.
pub fn write(path: &Path, bytes: impl AsRef<[u8]>) -> Result<()> {
    write_with(path, |file| file.write_all(bytes.as_ref()))
}

/// As [`write()`], for what is written piece by piece.
///
/// # Errors
/// Those of `contents`, and of the system with the path. `path` is then as it was.
pub fn write_with<E: From<Error>>(
    path: &Path,
    contents: impl FnOnce(&mut BufWriter<&fs_err::File>) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let named = |error: Error| named(path, &error);
    let folder = parent(path);
    let (file, temporary) = new_file(folder).map_err(named)?.into_parts();
    // Under the name that was asked for, which its errors then say.
    let file = fs_err::File::from_parts(file, path);
    let mut writer = BufWriter::new(&file);
    contents(&mut writer)?;
    writer.flush()?;
    drop(writer);
    file.sync_all()?;
    temporary.persist(path).map_err(|error| named(error.error))?;
    Ok(sync_folder(folder)?)
}

/// Opens a file to be locked: made where it is missing, and what is in it stays.
///
/// # Errors
/// Those of the system, with the path, and one for a link, which may lead to anybody's file, and for
/// anything else but a regular file.
pub fn open_lock(path: &Path) -> Result<fs_err::File> {
    match fs_err::symlink_metadata(path) {
        Ok(found) if !found.is_file() => {
            let kind = if found.is_symlink() { "a symbolic link" } else { "no file" };
            let message = format!(
                "{}: {kind}; expected a file to lock: move it away, and it is created again",
                path.display()
            );
            Err(Error::new(ErrorKind::InvalidInput, message))
        }
        _ => fs_err::OpenOptions::new().create(true).append(true).open(path),
    }
}

/// A temporary file with the permissions of any other new file, not those of a secret.
fn new_file(folder: &Path) -> Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// A folder that is filled under a temporary name, and gets its own when it is whole. Dropped before
/// that, it is removed.
#[derive(Debug)]
pub struct NewFolder {
    folder: TempDir,
    path: PathBuf,
}

impl NewFolder {
    /// Begins a folder that will be at `path`, whose parents are made where they are missing.
    ///
    /// # Errors
    /// Those of the system, with the path.
    pub fn begin(path: &Path) -> Result<Self> {
        let parent = parent(path);
        fs_err::create_dir_all(parent)?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(0o777));
        }
        let folder = builder.tempdir_in(parent).map_err(|error| named(path, &error))?;
        Ok(Self { folder, path: path.to_owned() })
    }

    /// The temporary folder to write into until it gets its name.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// An error of what was written below [`path`](Self::path), with the name that the folder is to get
    /// wherever the temporary one stands in it.
    #[must_use]
    pub fn named<E: From<Error> + Display>(&self, error: E) -> E {
        let message = error.to_string();
        let temporary = self.path().display().to_string();
        match message.contains(&temporary) {
            true => {
                let name = self.path.display().to_string();
                Error::other(message.replace(&temporary, &name)).into()
            }
            false => error,
        }
    }

    /// Syncs all files below, and gives the folder its name. What is at the name already is left as
    /// it is, and an error; but an empty folder there is replaced.
    ///
    /// # Errors
    /// Those of the system, with the path. The temporary folder is then removed.
    #[expect(clippy::disallowed_methods, reason = "fs_err would name the temporary folder")]
    pub fn finish(self) -> Result<()> {
        sync_all(self.path()).map_err(|error| self.named(error))?;
        std::fs::rename(self.path(), &self.path).map_err(|error| named(&self.path, &error))?;
        // The name is another's now: nothing is left to remove.
        let _ = self.folder.keep();
        sync_folder(parent(&self.path))
    }

    /// As [`finish`](Self::finish), but into a folder that may be there already: files of these names
    /// are replaced one after the other, all others stay.
    ///
    /// # Errors
    /// Those of the system, with the path.
    pub fn finish_over(self) -> Result<()> {
        if !self.path.exists() {
            return self.finish();
        }
        self.replace_files().map_err(|error| self.named(error))?;
        sync_folder(&self.path)
    }

    fn replace_files(&self) -> Result<()> {
        sync_all(self.path())?;
        for entry in fs_err::read_dir(self.path())? {
            let entry = entry?;
            fs_err::rename(entry.path(), self.path.join(entry.file_name()))?;
        }
        Ok(())
    }
}

/// An error about a temporary name, by the name that somebody asked for. tempfile puts its own behind
/// what went wrong.
fn named(path: &Path, error: &Error) -> Error {
    let message = error.to_string();
    let reason = message.split(" at path ").next().unwrap_or(&message);
    Error::new(error.kind(), format!("{}: {reason}", path.display()))
}

/// Syncs the files and folders below `folder`, and `folder` itself.
fn sync_all(folder: &Path) -> Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            sync_all(&entry.path())?;
        } else if kind.is_file() {
            fs_err::OpenOptions::new().write(true).open(entry.path())?.sync_all()?;
        }
    }
    sync_folder(folder)
}

/// Waits until the names in a folder are on the disk, where the system lets a folder be opened.
///
/// # Errors
/// Those of the system, with the path.
#[cfg(unix)]
pub fn sync_folder(path: &Path) -> Result<()> {
    fs_err::File::open(path)?.sync_all()
}

/// Windows opens no folders as files; its file systems write names in order.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn sync_folder(_: &Path) -> Result<()> {
    Ok(())
}

/// The folder that a path is in; of a name alone, the working folder.
fn parent(path: &Path) -> &Path {
    path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests;
