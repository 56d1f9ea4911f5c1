use super::*;

fn names(folder: &Path) -> Vec<String> {
    let entries = fs_err::read_dir(folder).unwrap();
    let name = |entry: Result<fs_err::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
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
fn files_of_a_new_folder_replace_those_of_an_old_one() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("adapter");
    for contents in ["old", "new"] {
        let new = NewFolder::begin(&path).unwrap();
        write(&new.path().join("weights"), contents).unwrap();
        new.finish_over().unwrap();
        assert_eq!(fs_err::read_to_string(path.join("weights")).unwrap(), contents);
        fs_err::write(path.join("notes"), "the user's").unwrap();
    }
    assert_eq!(names(&path), ["notes", "weights"]);
    assert_eq!(names(root.path()), ["adapter"]);
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

/// Never a temporary one, which is gone when somebody looks.
#[test]
fn an_error_names_the_path_that_was_asked_for() {
    let missing = write(Path::new("/no/such/folder/x"), "").unwrap_err().to_string();
    assert_eq!(missing, "/no/such/folder/x: No such file or directory (os error 2)");

    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    fs_err::write(&file, "").unwrap();
    // Neither a file nor a folder can be made where a file is in the way, or replace it.
    let errors = [
        write(&file.join("x"), "").unwrap_err(),
        NewFolder::begin(&file.join("x")).unwrap_err(),
        NewFolder::begin(&file).unwrap().finish().unwrap_err(),
    ];
    for error in errors {
        let error = error.to_string();
        assert!(error.contains("/file") && !error.contains(PREFIX), "{error}");
    }
    let new = NewFolder::begin(&root.path().join("model")).unwrap();
    let error = write(&new.path().join("plots/loss.png"), "").unwrap_err();
    let named = new.named(error).to_string();
    let expected = format!("{}/model/plots/loss.png: No such file", root.path().display());
    assert!(named.starts_with(&expected), "{named}");
    let other = new.named(Error::other("the device is gone"));
    assert_eq!(other.to_string(), "the device is gone");
}
