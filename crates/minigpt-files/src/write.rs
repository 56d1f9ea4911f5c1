//! Writing so that nobody sees a part, and nothing of anybody's is lost.

use std::io::{BufWriter, Error, ErrorKind, Result, Write};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempDir};

/// What temporary names begin with, for who finds one after a crash.
const PREFIX: &str = ".minigpt-";

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
    contents: impl FnOnce(&mut BufWriter<&std::fs::File>) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let named = |error: Error| Error::new(error.kind(), format!("{}: {error}", path.display()));
    let folder = parent(path);
    let file = new_file(folder).map_err(named)?;
    let mut writer = BufWriter::new(file.as_file());
    contents(&mut writer)?;
    writer.flush().map_err(named)?;
    drop(writer);
    file.as_file().sync_all().map_err(named)?;
    file.persist(path).map_err(|error| named(error.error))?;
    Ok(sync_folder(folder)?)
}

/// As [`write()`], for a library that writes to a path: it gets a temporary one.
///
/// # Errors
/// Those of `contents`, and of the system with the path. `path` is then as it was.
pub fn write_at<E: From<Error>>(
    path: &Path,
    contents: impl FnOnce(&Path) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let named = |error: Error| Error::new(error.kind(), format!("{}: {error}", path.display()));
    let folder = parent(path);
    let temporary = new_file(folder).map_err(named)?.into_temp_path();
    contents(&temporary)?;
    fs_err::OpenOptions::new().write(true).open(&temporary)?.sync_all()?;
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
                "{}: {kind}; expected a file to lock: move it away, and it is made anew",
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
        let folder = builder
            .tempdir_in(parent)
            .map_err(|error| Error::new(error.kind(), format!("{}: {error}", path.display())))?;
        Ok(Self { folder, path: path.to_owned() })
    }

    /// Where to write until then.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Syncs all files below, and gives the folder its name. What is at the name already is left as
    /// it is, and an error; but an empty folder there is replaced.
    ///
    /// # Errors
    /// Those of the system, with the path. The temporary folder is then removed.
    pub fn finish(self) -> Result<()> {
        sync_all(self.path())?;
        fs_err::rename(self.path(), &self.path)?;
        // The name is another's now: nothing is left to remove.
        let _ = self.folder.keep();
        sync_folder(parent(&self.path))
    }
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
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs_err::read_dir(folder).unwrap();
        let name =
            |entry: Result<fs_err::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<_> = entries.map(name).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_and_no_neighbour_is_touched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chart.png");
        for neighbour in ["chart.partial", "chart.png.partial", "chart.png.tmp"] {
            fs_err::write(folder.path().join(neighbour), "the user's").unwrap();
        }
        write(&path, "old").unwrap();
        let failed = write_with(&path, |file| {
            file.write_all(b"half")?;
            Err(Error::other("full"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "full");
        assert_eq!(fs_err::read_to_string(&path).unwrap(), "old");
        write(&path, "new").unwrap();
        assert_eq!(fs_err::read_to_string(&path).unwrap(), "new");
        let expected = ["chart.partial", "chart.png", "chart.png.partial", "chart.png.tmp"];
        assert_eq!(names(folder.path()), expected);
    }

    #[test]
    fn a_library_that_writes_to_a_path_leaves_a_whole_file_or_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.gguf");
        write(&path, "old").unwrap();
        let failed = write_at(&path, |temporary| {
            fs_err::write(temporary, "half")?;
            Err(Error::other("full"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "full");
        assert_eq!(fs_err::read_to_string(&path).unwrap(), "old");
        write_at(&path, |temporary| fs_err::write(temporary, "new")).unwrap();
        assert_eq!(fs_err::read_to_string(&path).unwrap(), "new");
        assert_eq!(names(folder.path()), ["model.gguf"]);
    }

    #[test]
    fn a_lock_empties_no_file_and_follows_no_link() {
        let folder = tempfile::tempdir().unwrap();
        let (lock, target) = (folder.path().join("lock"), folder.path().join("target"));
        open_lock(&lock).unwrap();
        fs_err::write(&target, "the user's").unwrap();
        open_lock(&target).unwrap();
        assert_eq!(fs_err::read_to_string(&target).unwrap(), "the user's");
        assert!(open_lock(folder.path()).is_err());
        #[cfg(unix)]
        for target in [&target, &folder.path().join("nowhere")] {
            let link = folder.path().join("link");
            std::os::unix::fs::symlink(target, &link).unwrap();
            let error = open_lock(&link).unwrap_err().to_string();
            assert!(error.contains("link: a symbolic link; expected a file to lock"), "{error}");
            fs_err::remove_file(link).unwrap();
        }
        assert_eq!(names(folder.path()), ["lock", "target"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_replaced_and_its_target_is_left() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        fs_err::write(&target, "the user's").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        write(&link, "ours").unwrap();
        assert_eq!(fs_err::read_to_string(&target).unwrap(), "the user's");
        assert_eq!(fs_err::read_to_string(&link).unwrap(), "ours");
        // Others may read it as they may read what a shell writes.
        let plain = fs_err::metadata(&target).unwrap().permissions().mode();
        assert_eq!(fs_err::metadata(&link).unwrap().permissions().mode(), plain);
    }

    #[test]
    fn a_folder_appears_when_it_is_whole() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("out/model");
        let folder = NewFolder::begin(&path).unwrap();
        write(&folder.path().join("config.json"), "{}").unwrap();
        assert!(!path.exists());
        folder.finish().unwrap();
        assert_eq!(names(&path), ["config.json"]);

        drop(NewFolder::begin(&path).unwrap());
        let again = NewFolder::begin(&path).unwrap();
        assert!(again.finish().is_err(), "what was there must stay");
        assert_eq!(names(&root.path().join("out")), ["model"]);
    }

    #[test]
    fn an_error_names_the_path() {
        let error = write(Path::new("/no/such/folder/x"), "").unwrap_err().to_string();
        assert!(error.starts_with("/no/such/folder/x: "), "{error}");
    }
}
