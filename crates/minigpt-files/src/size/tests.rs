use super::*;

#[test]
fn files_below_are_added_up_and_links_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs_err::create_dir_all(path("a/b")).unwrap();
    for (name, bytes) in [("one", 10), ("a/two", 200), ("a/b/three", 3000)] {
        fs_err::write(path(name), vec![0; bytes]).unwrap();
    }
    let whole = FolderSize { bytes: 3210, entries: 5, has_more: false };
    assert_eq!(size_below(folder.path(), 5).unwrap(), whole);
    assert_eq!(size_below(&path("one"), 5).unwrap().bytes, 10);
    let cut = size_below(folder.path(), 2).unwrap();
    assert!(cut.has_more && cut.entries == 2 && cut.bytes < 3210, "{cut:?}");
    let error = size_below(&path("none"), 5).unwrap_err().to_string();
    assert!(error.contains("none"), "{error}");

    #[cfg(unix)]
    {
        // In a circle, and to the outside.
        fs_err::os::unix::fs::symlink(folder.path(), path("a/up")).unwrap();
        let size = size_below(folder.path(), 100).unwrap();
        assert!(size.entries == 6 && size.bytes < 3210 + 4096, "{size:?}");
    }
}
