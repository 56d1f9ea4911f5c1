#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn a_text_of_the_same_size_and_date_is_another_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    let date = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
    let write = |path: &std::path::Path, text: &str| {
        fs_err::write(path, text).unwrap();
        fs_err::File::options().write(true).open(path).unwrap().set_modified(date).unwrap();
        DataFile::from(path.to_owned())
    };
    let of = |file: &DataFile| fingerprint([&[Input::File(file.clone())], &[], &[]], "").unwrap();
    let file = write(&path, "one");
    let (one, sample) = (of(&file), sampled(&file).unwrap());
    assert_eq!((of(&file), sampled(&file).unwrap()), (one.clone(), sample.clone()));
    let other = write(&path, "two");
    assert_ne!(of(&other), one);
    assert_ne!(sampled(&other).unwrap(), sample);
    // What counts is the text: back again, or in another folder.
    assert_eq!(of(&write(&path, "one")), one);
    fs_err::create_dir(folder.path().join("b")).unwrap();
    assert_eq!(of(&write(&folder.path().join("b/a.txt"), "one")), one);
    assert_ne!(of(&write(&folder.path().join("a.md"), "one")), one);
}

#[cfg(unix)]
#[test]
fn a_large_text_is_told_by_when_it_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    let file = DataFile::from(path.clone());
    fs_err::write(&path, "x".repeat(100_000)).unwrap();
    let date = fs_err::metadata(&path).unwrap().modified().unwrap();
    let before = sampled(&file).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(20));
    // A change that no sample sees, and its date put back.
    let mut writer = fs_err::OpenOptions::new().write(true).open(&path).unwrap();
    writer.seek(SeekFrom::Start(5_000)).unwrap();
    std::io::Write::write_all(&mut writer, b"y").unwrap();
    writer.set_modified(date).unwrap();
    drop(writer);
    assert_eq!(fs_err::metadata(&path).unwrap().modified().unwrap(), date);
    assert_ne!(sampled(&file).unwrap(), before);
}
