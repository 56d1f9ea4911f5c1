use super::*;
use crate::run::metrics::to_csv;
use crate::run::summary::Summary;
use crate::run::write_json;

fn summary(end: End) -> Summary {
    let (best, last, base, average) = (None, None, None, None);
    Summary {
        steps: 4,
        end,
        seconds: 1.0,
        peak_memory: None,
        best,
        last,
        base,
        average,
        samples: Vec::new(),
    }
}

#[test]
fn a_lock_tells_that_a_run_trains_and_a_look_keeps_nobody_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let (run, lock) = RunFolder::create(&path).unwrap();
    assert_eq!(run.state(), RunState::Training);
    drop(lock);
    assert_eq!(run.state(), RunState::Interrupted);
    for (end, state) in [
        (End::Complete, RunState::Finished),
        (End::Patience, RunState::Finished),
        (End::OutOfTime, RunState::Finished),
        (End::Interrupted, RunState::Interrupted),
    ] {
        write_json(&run.summary_path(), &summary(end)).unwrap();
        assert_eq!(run.state(), state);
    }
    // A run that goes on has the summary of before.
    let lock = run.lock().unwrap();
    assert_eq!(run.state(), RunState::Training);
    drop(lock);

    let looking = fs_err::File::open(path.join(LOCK_FILE)).unwrap();
    looking.try_lock_shared().unwrap();
    assert_eq!(run.state(), RunState::Interrupted, "another who looks is no trainer");
    let over = std::thread::spawn(move || {
        std::thread::sleep(LOOK_OF_ANOTHER);
        drop(looking);
    });
    run.lock().unwrap();
    over.join().unwrap();
    let nothing = RunFolder { path: Path::new("nowhere").to_owned() };
    assert_eq!(nothing.state(), RunState::Interrupted);
}

const LOOK_OF_ANOTHER: std::time::Duration = std::time::Duration::from_millis(40);

#[test]
fn progress_is_the_last_rows_and_the_steps_to_come() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder { path: folder.path().to_owned() };
    let nothing = run.progress().unwrap();
    assert_eq!(nothing, Progress::default());
    let mut config = RunConfig::tiny();
    config.training.max_steps = None;
    config.training.epochs = 3;
    assert_eq!(nothing.planned_steps(&config), None);

    let row = |split, step: usize| Row {
        split,
        step,
        passes: step as f64 / 7.0,
        tokens: 64,
        loss: 4.0,
        learning_rate: None,
        grad_norm: None,
        tokens_per_second: 10.0,
        seconds: 1.0,
        margin: None,
        accuracy: None,
    };
    let rows = [row(RowSplit::Train, 1), row(RowSplit::Valid, 1), row(RowSplit::Train, 2)];
    fs_err::write(run.metrics_path(), to_csv(&rows).unwrap()).unwrap();
    let progress = run.progress().unwrap();
    assert_eq!(
        (&progress.train, &progress.valid),
        (&Some(rows[2].clone()), &Some(rows[1].clone()))
    );
    assert_eq!(progress.planned_steps(&config), Some(21));
    config.training.max_steps = Some(5);
    assert_eq!(progress.planned_steps(&config), Some(5));
}

#[test]
fn samples_are_read_as_they_were_written() {
    let written = |step: usize, text: &str| format!("{SAMPLE_HEADING}{step}\n\n{text}\n\n");
    let texts = [(5, "It was\n\nso."), (10, ""), (15, "## Step by step\n## step x\n"), (20, "é")];
    let file: String = texts.iter().map(|(step, text)| written(*step, text)).collect();
    let found = samples(&format!("rubbish\n{file}"));
    let found: Vec<(usize, &str)> =
        found.iter().map(|sample| (sample.step, &sample.text[..])).collect();
    assert_eq!(found, texts);

    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder { path: folder.path().to_owned() };
    assert_eq!(run.samples().unwrap(), []);
    // Cut off within a character.
    fs_err::write(run.samples_path(), &file.as_bytes()[..file.len() - 3]).unwrap();
    assert_eq!(run.samples().unwrap()[3].text, "\u{fffd}");
    fs_err::remove_file(run.samples_path()).unwrap();
    fs_err::create_dir(run.samples_path()).unwrap();
    assert!(run.samples().is_err());
}
