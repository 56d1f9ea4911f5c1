use std::path::Path;

use minigpt_data::TextCounts;
use minigpt_eval::Evaluation;

use super::super::MODEL_FILE;
use super::super::tests::{names, write_set};
use super::*;

/// Sets whose validations had these losses; none at a step where there was none.
fn sets(folder: &Path, losses: &[(usize, Option<f64>)]) -> CheckpointFolder {
    let sets = CheckpointFolder::new(folder.to_owned());
    for (step, loss) in losses {
        write_set(&sets.set(*step), *step);
        let path = sets.set(*step).join(MANIFEST_FILE);
        let mut manifest = read_manifest(&path, *step).unwrap();
        let counts = TextCounts { words: 10, bytes: 50, characters: 50 };
        manifest.validation = loss.map(|loss| Evaluation::new(loss, 1, counts));
        fs_err::write(path, serde_json::to_vec(&manifest).unwrap()).unwrap();
    }
    sets
}

fn best_and_last(sets: &CheckpointFolder) -> (usize, usize) {
    let mut damaged = |error| panic!("{error}");
    let best = sets.best(&mut damaged).unwrap().unwrap().step;
    (best, sets.last(&mut damaged).unwrap().unwrap().step)
}

#[test]
fn the_best_set_writes_on_and_the_last_stays_whole() {
    let folder = tempfile::tempdir().unwrap();
    let losses = [(10, Some(4.0)), (20, Some(2.0)), (30, None), (40, Some(3.0))];
    let sets = sets(folder.path(), &losses);
    let spare = sets.spare(None).unwrap();
    assert_eq!(spare, [Spare::Set(10), Spare::Optimizer(20), Spare::Set(30)]);
    for spare in spare {
        assert!(sets.path_of(spare).exists(), "{spare:?}");
        sets.remove(spare).unwrap();
    }
    assert_eq!(names(folder.path()), ["step-000020", "step-000040"]);
    assert_eq!(names(&sets.set(20)), ["manifest.json", "model.bpk", "schedule.bpk"]);
    assert_eq!(names(&sets.set(40)).len(), 4);
    assert_eq!(best_and_last(&sets), (20, 40));
    assert_eq!(sets.spare(None).unwrap(), []);

    // Where the last is lost, a set without moments is none to go on from.
    fs_err::remove_dir_all(sets.set(40)).unwrap();
    assert!(sets.last(&mut |error| panic!("{error}")).unwrap().is_none());
    assert_eq!(sets.best(&mut |error| panic!("{error}")).unwrap().unwrap().step, 20);
}

#[test]
fn where_the_best_is_the_last_all_others_go() {
    let folder = tempfile::tempdir().unwrap();
    let sets = sets(folder.path(), &[(1, Some(3.0)), (2, Some(2.5)), (3, Some(2.0))]);
    assert_eq!(sets.spare(None).unwrap(), [Spare::Set(1), Spare::Set(2)]);
}

#[test]
fn nothing_that_stands_in_for_a_damaged_set_is_spared_nor_the_damaged_one() {
    let folder = tempfile::tempdir().unwrap();
    let losses = [(10, Some(3.0)), (20, Some(2.0)), (30, Some(2.5)), (40, Some(2.6))];
    let sets = sets(folder.path(), &losses);
    // The best and the last can no longer be read.
    for step in [20, 40] {
        fs_err::write(sets.set(step).join(MODEL_FILE), "rubbish").unwrap();
    }
    assert_eq!(sets.spare(None).unwrap(), [Spare::Set(10)], "30 is the best and the last now");
    fs_err::write(sets.set(30).join(MODEL_FILE), "rubbish").unwrap();
    assert_eq!(sets.spare(None).unwrap(), [], "10 is");
    fs_err::write(sets.set(10).join(MODEL_FILE), "rubbish").unwrap();
    assert_eq!(sets.spare(None).unwrap(), [], "nothing is known of any");
}

#[test]
fn the_set_that_a_longer_run_goes_on_from_stays_whole() {
    let folder = tempfile::tempdir().unwrap();
    let losses = [(10, Some(4.0)), (20, Some(3.0)), (24, None), (30, Some(2.0)), (40, Some(2.5))];
    let sets = sets(folder.path(), &losses);
    let others = [Spare::Set(10), Spare::Set(20), Spare::Optimizer(30)];
    assert_eq!(sets.spare(Some(24)).unwrap(), others);
    assert_eq!(sets.spare(Some(29)).unwrap(), others, "the newest up to there");
    // Damaged, it stays beside the one that stands in for it.
    fs_err::write(sets.set(24).join(MODEL_FILE), "rubbish").unwrap();
    assert_eq!(sets.spare(Some(24)).unwrap(), [Spare::Set(10), Spare::Optimizer(30)]);
}

/// A set without moments is none to go on from.
#[test]
fn the_best_set_that_a_longer_run_goes_on_from_keeps_its_moments() {
    let folder = tempfile::tempdir().unwrap();
    let sets = sets(folder.path(), &[(10, Some(4.0)), (24, Some(2.0)), (30, Some(3.0))]);
    assert_eq!(sets.spare(Some(24)).unwrap(), [Spare::Set(10)]);
    sets.remove(Spare::Optimizer(24)).unwrap();
    let newest = sets.newest_until(24, &mut |error| panic!("{error}")).unwrap();
    assert_eq!(newest.unwrap().step, 10);
}

#[cfg(unix)]
#[test]
fn sets_that_are_links_are_left_alone() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let sets = sets(folder.path(), &[(10, Some(4.0)), (20, Some(2.0)), (30, Some(3.0))]);
    for step in [10, 20] {
        let outside = elsewhere.path().join(step.to_string());
        fs_err::rename(sets.set(step), &outside).unwrap();
        std::os::unix::fs::symlink(&outside, sets.set(step)).unwrap();
    }
    assert_eq!(sets.spare(None).unwrap(), []);
    let link = elsewhere.path().join("link");
    std::os::unix::fs::symlink(folder.path(), &link).unwrap();
    assert_eq!(CheckpointFolder::new(link).spare(None).unwrap(), []);
}
