use std::path::Path;

use super::*;
use crate::run::summary::{End, Summary};
use crate::run::write_json;

/// A run folder with temporary files, old and new, and a checkpoint that was broken off.
fn run(path: &Path, end: End) -> RunFolder {
    let (run, lock) = RunFolder::create(path).unwrap();
    drop(lock);
    let (best, last, base, average) = (None, None, None, None);
    let (seconds, samples, peak_memory) = (1.0, Vec::new(), None);
    let summary =
        Summary { steps: 4, end, seconds, best, last, base, average, samples, peak_memory };
    write_json(&run.summary_path(), &summary).unwrap();
    for name in ["plots/.minigpt-old", "plots/.minigpt-new", "plots/mine.tmp"] {
        fs_err::write(path.join(name), "12345").unwrap();
    }
    let old = fs_err::OpenOptions::new().append(true).open(path.join("plots/.minigpt-old"));
    old.unwrap().set_modified(SystemTime::now() - 2 * OLD).unwrap();
    let partial = path.join("checkpoints/step-000004.partial");
    fs_err::create_dir_all(&partial).unwrap();
    fs_err::write(partial.join("model.bpk"), "half").unwrap();
    run
}

#[test]
fn what_a_process_left_behind_goes_and_what_is_someone_elses_stays() {
    for end in [End::Complete, End::Interrupted] {
        let folder = tempfile::tempdir().unwrap();
        let run = run(&folder.path().join("run"), end);
        let preview = run.prunable().unwrap();
        let found: Vec<_> = preview.iter().map(|found| (found.part, found.bytes)).collect();
        assert_eq!(found, [(PrunablePart::BrokenOff, 4), (PrunablePart::Temporary, 5)]);
        assert!(preview.iter().all(|found| found.path.exists()), "a preview removes nothing");

        assert_eq!(run.prune().unwrap(), preview);
        assert!(preview.iter().all(|found| !found.path.exists()));
        for name in ["plots/.minigpt-new", "plots/mine.tmp", "summary.json"] {
            assert!(run.path().join(name).exists(), "{name}");
        }
        assert_eq!(run.prune().unwrap(), []);
    }
}

#[test]
fn a_run_that_trains_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(&folder.path().join("run"), End::Complete);
    let lock = run.lock().unwrap();
    assert_eq!(run.prunable().unwrap(), []);
    assert!(matches!(run.prune(), Err(TrainError::InUse { .. })));
    assert!(run.path().join("plots/.minigpt-old").exists());
    drop(lock);
    assert_eq!(run.prune().unwrap().len(), 2);
}
