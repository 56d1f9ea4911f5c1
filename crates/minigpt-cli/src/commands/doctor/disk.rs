//! Cache folders, what they take, and what is left of the disk.

use std::path::{Path, PathBuf};
use std::time::Duration;

use minigpt_data::Hub;
use minigpt_files::{FolderSize, NewFolder, size_below};

use super::Check;
use super::limited::within;
use crate::cache::cache_folder;
use crate::terminal::format::bytes;

/// Entries of a cache that are counted, and how long.
const ENTRIES: usize = 200_000;
const COUNT: Duration = Duration::from_secs(5);

/// Less is soon full.
const LITTLE: u64 = 5 << 30;
const NEARLY_NONE: u64 = 200 << 20;

/// Of the hub nothing is known where even the environment's files did not answer.
pub(super) fn checks(hub: Option<&Hub>) -> Vec<Check> {
    let given = std::env::var_os("MINIGPT_CACHE");
    let cache = match cache_folder(given.as_deref().map(Path::new)) {
        Ok(folder) => {
            let means = "MINIGPT_CACHE or --cache names another folder for tokenized texts";
            of_cache("cache", folder, means)
        }
        Err(error) => Check::problem("cache", format!("{error:#}"), "set MINIGPT_CACHE"),
    };
    let elsewhere = "HF_HOME or HF_HUB_CACHE names another for the hub's models";
    let hub = match hub.map(|hub| hub.cache.clone()) {
        Some(Some(folder)) => of_cache("hub cache", folder, elsewhere),
        Some(None) => Check::problem("hub cache", "there is no folder for it", "set HF_HOME"),
        None => Check::problem("hub cache", "unknown: no answer from the disk", elsewhere),
    };
    vec![cache, hub, left(Path::new("."))]
}

/// A folder, what is in it, and whether it can be written to.
fn of_cache(name: &'static str, folder: PathBuf, elsewhere: &str) -> Check {
    let shown = folder.display().to_string();
    let path = folder.clone();
    match within(COUNT, move || is_there(&path)) {
        Ok(Ok(true)) => {}
        Ok(Ok(false)) => return Check::ok(name, format!("{shown}, not there yet")),
        Ok(Err(reason)) => return Check::problem(name, reason, elsewhere),
        Err(_) => {
            return Check::problem(name, format!("{shown}: no answer from the disk"), elsewhere);
        }
    }
    match within(COUNT, move || size_below(&folder, ENTRIES)) {
        Ok(Ok(FolderSize { bytes: size, has_more: false, .. })) => {
            Check::ok(name, format!("{shown}, {}", bytes(size)))
        }
        Ok(Ok(FolderSize { bytes: size, .. })) => {
            Check::ok(name, format!("{shown}, more than {}", bytes(size)))
        }
        Ok(Err(error)) => Check::problem(name, format!("cannot be read: {error}"), elsewhere),
        Err(_) => Check::note(name, format!("{shown}, too slow to be counted"), elsewhere),
    }
}

/// Whether a folder that can be written to is there, or will be made where one can be; otherwise why not.
fn is_there(folder: &Path) -> Result<bool, String> {
    let is_there = folder.exists();
    if is_there && !folder.is_dir() {
        return Err(format!("{} is no folder", folder.display()));
    }
    // One that is not there yet is made in what is.
    let nearest = folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new(""));
    match NewFolder::begin(&nearest.join("doctor")) {
        Ok(_) => Ok(is_there),
        Err(error) => Err(format!("cannot be written to: {error}")),
    }
}

/// What is free where runs would be written.
fn left(folder: &Path) -> Check {
    const NAME: &str = "disk";
    let path = folder.to_owned();
    let Ok(Some(free)) = within(COUNT, move || free_bytes(&path)) else {
        return Check::note(NAME, "unknown", "this system does not tell how much is free");
    };
    let found = format!("{} free in this folder", bytes(free));
    match free {
        ..NEARLY_NONE => {
            Check::problem(NAME, found, "a run's checkpoints will not fit: `minigpt runs --prune`")
        }
        NEARLY_NONE..LITTLE => {
            Check::note(NAME, found, "little: `minigpt runs --prune` frees some")
        }
        _ => Check::ok(NAME, found),
    }
}

/// Bytes that this account may still write there.
#[cfg(unix)]
#[allow(clippy::unnecessary_cast, reason = "systems differ in how wide these numbers are")]
fn free_bytes(folder: &Path) -> Option<u64> {
    use std::ffi::CString;
    use std::mem::MaybeUninit;
    use std::os::unix::ffi::OsStrExt;

    let path = CString::new(folder.as_os_str().as_bytes()).ok()?;
    let mut found = MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: the path ends with a zero; where the call succeeds, it has written all of `found`.
    let found = unsafe {
        (libc::statvfs(path.as_ptr(), found.as_mut_ptr()) == 0).then(|| found.assume_init())?
    };
    (found.f_bavail as u64).checked_mul(found.f_frsize as u64)
}

#[cfg(not(unix))]
fn free_bytes(_: &Path) -> Option<u64> {
    None
}
