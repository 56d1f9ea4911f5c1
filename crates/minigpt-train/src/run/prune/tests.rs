use std::path::Path;
use std::time::{Duration, SystemTime};

use super::*;
use crate::config::RunConfig;
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
    write_json(&run.config_path(), &RunConfig::preset("tiny").unwrap()).unwrap();
    for name in ["plots/.minigpt-old", "plots/.minigpt-new", "plots/mine.tmp"] {
        fs_err::write(path.join(name), "12345").unwrap();
    }
    for step in ["step-000004", "step-000005"] {
        let partial = path.join("checkpoints").join(format!("{step}.partial"));
        fs_err::create_dir_all(&partial).unwrap();
        fs_err::write(partial.join("model.bpk"), "half").unwrap();
    }
    make_old(&path.join("plots/.minigpt-old"));
    make_old(&path.join("checkpoints/step-000004.partial/model.bpk"));
    run
}

fn make_old(file: &Path) {
    let file = fs_err::OpenOptions::new().append(true).open(file).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(2 * 3600)).unwrap();
}

fn pruned(run: &RunFolder) -> Vec<Prunable> {
    let mut removed = Vec::new();
    run.prune(&mut removed).unwrap();
    removed
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

        assert_eq!(pruned(&run), preview);
        assert!(preview.iter().all(|found| !found.path.exists()));
        // What is young may be somebody's who writes just now.
        let young = "checkpoints/step-000005.partial/model.bpk";
        for name in ["plots/.minigpt-new", "plots/mine.tmp", "summary.json", young] {
            assert!(run.path().join(name).exists(), "{name}");
        }
        assert_eq!(pruned(&run), []);
    }
}

#[test]
fn a_run_that_trains_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(&folder.path().join("run"), End::Complete);
    let lock = run.lock().unwrap();
    assert_eq!(run.prunable().unwrap(), []);
    assert!(matches!(run.prune(&mut Vec::new()), Err(TrainError::InUse { .. })));
    assert!(run.path().join("plots/.minigpt-old").exists());
    drop(lock);
    assert_eq!(pruned(&run).len(), 2);
}

#[cfg(unix)]
#[test]
fn a_link_leads_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(&folder.path().join("run"), End::Complete);
    let elsewhere = folder.path().join("elsewhere");
    fs_err::rename(run.path().join("plots"), &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, run.path().join("plots")).unwrap();
    assert_eq!(pruned(&run).len(), 1);
    assert!(elsewhere.join(".minigpt-old").exists());
}

#[test]
fn only_a_run_that_is_over_has_checkpoints_to_spare() {
    for (end, is_over) in [
        (End::Complete, true),
        (End::Patience, true),
        (End::OutOfTime, false),
        (End::Interrupted, false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let run = run(&folder.path().join("run"), end);
        assert_eq!(run.is_over(), is_over, "{end:?}");
    }
}
