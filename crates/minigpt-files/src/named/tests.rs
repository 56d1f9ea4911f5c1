use super::*;

#[test]
fn a_file_is_replaced_and_a_folder_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.csv");
    for contents in ["old", "new"] {
        write_named(&path, contents).unwrap();
        assert_eq!(fs_err::read_to_string(&path).unwrap(), contents);
        assert_eq!(named_file(&path).unwrap(), path);
    }
    for refused in [write_named(folder.path(), ""), check_named(folder.path())] {
        let error = refused.unwrap_err().to_string();
        assert!(error.ends_with(": a folder; expected the name of a file"), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_stays_and_its_file_is_written() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let (target, link) = (folder.path().join("target"), folder.path().join("link"));
    fs_err::write(&target, "old").unwrap();
    symlink("target", &link).unwrap();
    write_named(&link, "new").unwrap();
    assert!(link.is_symlink());
    assert_eq!(fs_err::read_to_string(&target).unwrap(), "new");
    let target = fs_err::canonicalize(&target).unwrap();
    assert_eq!(named_file(&link).unwrap(), target);
    fs_err::remove_file(target).unwrap();
    let error = write_named(&link, "").unwrap_err().to_string();
    assert!(error.contains("link: a link to nothing"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_device_and_a_pipe_are_written_into() {
    use std::os::unix::fs::FileTypeExt;
    let null = Path::new("/dev/null");
    write_named(null, "gone").unwrap();
    check_named(null).unwrap();
    assert!(fs_err::metadata(null).unwrap().file_type().is_char_device());
    let error = named_file(null).unwrap_err().to_string();
    assert_eq!(error, "/dev/null: a device or a pipe; expected the name of a file");

    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let reader = {
        let pipe = pipe.clone();
        std::thread::spawn(move || fs_err::read_to_string(pipe).unwrap())
    };
    write_named(&pipe, "through").unwrap();
    assert_eq!(reader.join().unwrap(), "through");
    assert!(fs_err::metadata(&pipe).unwrap().file_type().is_fifo());
}
