use super::*;

#[test]
fn runs_that_begin_together_get_a_place_each() {
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("a/runs");
    let place = || RunPlace::first_free(&runs, "tiny").unwrap();
    let places: Vec<RunPlace> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(place)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut names: Vec<_> = places.iter().map(|place| place.path().to_owned()).collect();
    names.sort();
    let expected: Vec<_> = std::iter::once("tiny".to_owned())
        .chain((2..=8).map(|number| format!("tiny-{number}")))
        .map(|name| runs.join(name))
        .collect();
    assert_eq!(names, expected);

    fs_err::write(names[1].join("config.json"), "{}").unwrap();
    drop(places);
    let left: Vec<_> = fs_err::read_dir(&runs).unwrap().map(|entry| entry.unwrap()).collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0].path(), names[1]);
}

#[test]
fn a_place_that_was_not_used_leaves_nothing_and_takes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    drop(RunPlace::first_free(&folder.path().join("a/runs"), "tiny").unwrap());
    assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 0);
    // An empty folder that was there before.
    fs_err::create_dir(folder.path().join("tiny")).unwrap();
    let place = RunPlace::first_free(folder.path(), "tiny").unwrap();
    assert_eq!(place.path(), folder.path().join("tiny-2"));
    drop(place);
    assert!(folder.path().join("tiny").is_dir());
}
