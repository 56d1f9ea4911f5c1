use super::*;

#[test]
fn what_a_run_reads_is_a_part_of_it_and_pictures_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("runs/one");
    for part in ["checkpoints/step-000010", "evaluation", "plots", "report"] {
        fs_err::create_dir_all(run.join(part)).unwrap();
    }
    for file in ["metrics.csv", "train.lock"] {
        fs_err::write(run.join(file), "").unwrap();
    }
    for (name, is_part) in [
        ("metrics.csv", true),
        ("config.json", true),
        ("events.out.tfevents.1", true),
        ("checkpoints/step-000010/model.bpk", true),
        ("evaluation/classify.json", true),
        ("evaluation/loss.svg", false),
        ("plots/loss.png", false),
        ("report/config.json", false),
        ("table.csv", false),
        ("nowhere/metrics.csv", false),
    ] {
        assert_eq!(is_part_of_run(&run.join(name)), is_part, "{name}");
    }
    assert!(is_part_of_run(&run.join("plots/../metrics.csv")));
    let table = folder.path().join("metrics.csv");
    fs_err::write(&table, "").unwrap();
    assert!(!is_part_of_run(&table), "of no run");
    // A copy without its lock.
    fs_err::write(run.join("config.json"), "").unwrap();
    fs_err::remove_file(run.join("train.lock")).unwrap();
    assert!(is_part_of_run(&run.join("metrics.csv")));
    #[cfg(unix)]
    {
        let link = folder.path().join("table.csv");
        std::os::unix::fs::symlink(run.join("metrics.csv"), &link).unwrap();
        assert!(is_part_of_run(&link));
        let other = folder.path().join("other");
        std::os::unix::fs::symlink(&run, &other).unwrap();
        assert!(is_part_of_run(&other.join("config.json")));
        assert!(FoundRun::at(&other).is_none());
        assert_eq!(FoundRun::named(&other).unwrap().name(), "one");
    }
}
