use super::*;

#[test]
fn a_runs_name_is_one_folders() {
    let runs = Path::new("runs");
    for name in ["austen", "a b", ".hidden", "ночь", &"x".repeat(200)] {
        assert_eq!(named_run(runs, name).unwrap(), runs.join(name));
    }
    let long = "x".repeat(1 << 20);
    for name in ["", ".", "..", "../esc", "/abs", "a/b", "a\\b", "a\nb", "a\0", &long[..201], &long]
    {
        let error = named_run(runs, name).unwrap_err().to_string();
        assert!(error.starts_with("--name ") && error.len() < 400, "{error}");
        assert!(error.contains("expected the name of one folder, of 1 to 200 bytes"), "{error}");
        assert!(error.contains("control characters"), "{error}");
    }
}

#[test]
fn a_runs_name_is_free() {
    let folder = tempfile::tempdir().unwrap();
    fs_err::create_dir(folder.path().join("taken")).unwrap();
    named_run(folder.path(), "taken").unwrap();
    fs_err::write(folder.path().join("taken/config.json"), "{}").unwrap();
    let error = named_run(folder.path(), "taken").unwrap_err().to_string();
    assert!(error.contains("taken already holds a run: choose another name"), "{error}");
}
