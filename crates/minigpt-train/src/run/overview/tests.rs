use super::*;
use crate::run::found::Runs;
use crate::run::write_json;

#[test]
fn a_run_is_known_wherever_it_lies_and_the_newest_comes_first() {
    let folder = tempfile::tempdir().unwrap();
    for (name, age) in [("old", 300), ("new", 100), ("middle", 200)] {
        let path = folder.path().join(name);
        fs_err::create_dir_all(&path).unwrap();
        fs_err::write(path.join("train.lock"), "").unwrap();
        write_json(&path.join("config.json"), &RunConfig::tiny()).unwrap();
        let config = fs_err::OpenOptions::new().append(true).open(path.join("config.json"));
        let time = SystemTime::now() - std::time::Duration::from_secs(age);
        config.unwrap().set_modified(time).unwrap();
    }
    let mut runs = Runs::new(folder.path().to_owned()).find().unwrap();
    newest_first(&mut runs);
    let names: Vec<&str> = runs.iter().map(FoundRun::name).collect();
    assert_eq!(names, ["new", "middle", "old"]);

    let run = FoundRun::at(&folder.path().join("old")).unwrap();
    let overview = Overview::of(&run);
    assert_eq!((run.name(), overview.state), ("old", RunState::Interrupted));
    assert!(FoundRun::at(folder.path()).is_none(), "the folder of runs is none");
    fs_err::write(folder.path().join("old/config.json"), "{").unwrap();
    assert_eq!(Overview::of(&run).state, RunState::Damaged);

    // As a run is while it begins.
    fs_err::remove_file(folder.path().join("old/config.json")).unwrap();
    assert_eq!(Overview::of(&run).state, RunState::Damaged);
    let lock = fs_err::File::open(folder.path().join("old/train.lock")).unwrap();
    lock.lock().unwrap();
    let overview = Overview::of(&run);
    assert_eq!((overview.state, overview.problem), (RunState::Training, None));
}
