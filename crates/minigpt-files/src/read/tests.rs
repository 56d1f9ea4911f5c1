use super::*;

const SMALL: Limit = Limit::new(4, "a note");

#[test]
fn a_file_beyond_its_limit_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("note");
    fs_err::write(&path, "four").unwrap();
    assert_eq!(read_text(&path, SMALL).unwrap(), "four");
    fs_err::write(&path, "fives").unwrap();
    let error = read(&path, SMALL).unwrap_err().to_string();
    assert!(error.ends_with("note: more than 4 bytes, which is too much for a note"), "{error}");
}

#[test]
fn a_file_that_is_missing_is_said_to_be() {
    let path = Path::new("nowhere/note");
    for error in [read(path, SMALL).unwrap_err(), map(path).unwrap_err(), open(path).unwrap_err()] {
        assert_eq!(error.to_string(), "nowhere/note does not exist: expected a file");
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}

#[test]
fn bytes_that_are_no_text_are_placed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("note");
    fs_err::write(&path, b"a\xff").unwrap();
    let error = read_text(&path, SMALL).unwrap_err().to_string();
    assert!(error.ends_with("note: byte 1 is not UTF-8; expected text"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_device_without_end_is_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("config.json");
    std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
    for path in [&link, Path::new("/dev/zero"), folder.path()] {
        for error in [read(path, SMALL).unwrap_err(), map(path).unwrap_err()] {
            assert!(error.to_string().ends_with("expected a file"), "{error}");
        }
    }
}

#[test]
fn a_stream_beyond_its_limit_fails_and_one_at_it_does_not() {
    let mut bytes = Vec::new();
    Bounded::new(&b"four"[..], SMALL, "x").read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, b"four");
    let error = Bounded::new(&b"fives"[..], SMALL, "x.gz").read_to_end(&mut bytes).unwrap_err();
    assert_eq!(error.to_string(), "x.gz: more than 4 bytes, which is too much for a note");
}

#[test]
fn names_that_lead_elsewhere_are_none() {
    assert!(["model.bpk", "a b", ".hidden"].into_iter().all(is_file_name));
    for name in ["", ".", "..", "a/b", "/etc", "../x", "a\\b", "a\0"] {
        assert!(!is_file_name(name), "{name:?}");
    }
}
