use super::*;

#[test]
fn two_results_need_two_places() {
    let folder = tempfile::tempdir().unwrap();
    let (one, same) = (folder.path().join("x.svg"), folder.path().join("./x.svg"));
    let error = check_apart(("--out", &one), ("--data-csv", &same)).unwrap_err().to_string();
    assert!(error.starts_with("--out and --data-csv name the same file"), "{error}");
    check_apart(("--out", &one), ("--data-csv", &folder.path().join("x.csv"))).unwrap();
}

#[test]
fn a_picture_is_a_file_with_an_ending() {
    let error = picture("--out", Path::new("x.jpeg")).unwrap_err().to_string();
    assert_eq!(error, "--out x.jpeg: expected a name that ends in .png or .svg");
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("x.png");
    fs_err::create_dir(&taken).unwrap();
    let error = format!("{:#}", picture("--out", &taken).unwrap_err());
    assert!(error.contains("--out: ") && error.contains("a folder; expected"), "{error}");
    check_table("--csv", Path::new("/dev/null")).unwrap();
}
