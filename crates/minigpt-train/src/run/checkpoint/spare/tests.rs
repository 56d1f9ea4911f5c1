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
    let spare = sets.spare().unwrap();
    assert_eq!(spare, [Spare::Set(10), Spare::Optimizer(20), Spare::Set(30)]);
    for spare in spare {
        assert!(sets.path_of(spare).exists(), "{spare:?}");
        sets.remove(spare).unwrap();
    }
    assert_eq!(names(folder.path()), ["step-000020", "step-000040"]);
    assert_eq!(names(&sets.set(20)), ["manifest.json", "model.bpk", "schedule.bpk"]);
    assert_eq!(names(&sets.set(40)).len(), 4);
    assert_eq!(best_and_last(&sets), (20, 40));
    assert_eq!(sets.spare().unwrap(), []);

    // Where the last is lost, a set without moments is none to go on from.
    fs_err::remove_dir_all(sets.set(40)).unwrap();
    assert!(sets.last(&mut |error| panic!("{error}")).unwrap().is_none());
    assert_eq!(sets.best(&mut |error| panic!("{error}")).unwrap().unwrap().step, 20);
}

#[test]
fn where_the_best_is_the_last_all_others_go() {
    let folder = tempfile::tempdir().unwrap();
    let sets = sets(folder.path(), &[(1, Some(3.0)), (2, Some(2.5)), (3, Some(2.0))]);
    assert_eq!(sets.spare().unwrap(), [Spare::Set(1), Spare::Set(2)]);
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
    assert_eq!(sets.spare().unwrap(), [Spare::Set(10)], "30 is the best and the last now");
    fs_err::write(sets.set(30).join(MODEL_FILE), "rubbish").unwrap();
    assert_eq!(sets.spare().unwrap(), [], "10 is");
    fs_err::write(sets.set(10).join(MODEL_FILE), "rubbish").unwrap();
    assert_eq!(sets.spare().unwrap(), [], "nothing is known of any");
}
