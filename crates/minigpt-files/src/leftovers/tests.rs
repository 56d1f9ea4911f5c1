use std::fs::FileTimes;

use super::*;
use crate::NewFolder;

fn make_old(path: &Path) {
    let times = FileTimes::new().set_modified(SystemTime::now() - 2 * OLD);
    fs_err::File::open(path).unwrap().into_parts().0.set_times(times).unwrap();
}

/// A name that a process gives what it is writing.
fn temporary_name(folder: &Path) -> String {
    let new = NewFolder::begin(&folder.join("run")).unwrap();
    new.path().file_name().unwrap().to_string_lossy().into_owned()
}

#[test]
fn old_temporary_files_and_folders_are_left_over() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let name = temporary_name(folder.path());
    let [file, below, young] =
        ["-file", "-folder", "-young"].map(|end| place(&(name.clone() + end)));
    fs_err::create_dir(&below).unwrap();
    for path in [&file, &young, &below.join("weights"), &place("index.bin")] {
        fs_err::write(path, "x").unwrap();
    }
    assert_eq!(leftovers(folder.path()), Vec::<PathBuf>::new());
    // The folder itself is young: what counts is when its files were written.
    for path in [&file, &below.join("weights"), &place("index.bin")] {
        make_old(path);
    }
    let mut found = leftovers(folder.path());
    found.sort();
    assert_eq!(found, [file, below]);
}

#[test]
fn a_folder_that_is_missing_has_none() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(leftovers(&folder.path().join("none")), Vec::<PathBuf>::new());
}
