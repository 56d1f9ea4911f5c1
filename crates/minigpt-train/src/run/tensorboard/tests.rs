use super::*;

fn row(split: RowSplit, step: usize, loss: f64) -> Row {
    let of_training = |value| (split == RowSplit::Train).then_some(value);
    Row {
        split,
        step,
        passes: 0.5,
        tokens: 0,
        loss,
        learning_rate: of_training(3e-4),
        grad_norm: of_training(1.25),
        tokens_per_second: 2048.0,
        seconds: 1.0,
        margin: None,
        accuracy: None,
    }
}

/// What TensorBoard's own `EventFileWriter` writes; `tests/fixtures/events.py` made the file.
#[test]
fn the_bytes_are_those_of_tensorboard() {
    let at = |wall_time, event: Event| record(&Event { wall_time, ..event }.encode_to_vec());
    let summary = |row: Row| {
        let step = row.step;
        Event { summary: Some(Summary::of(&row)), ..Event::now(step) }
    };
    let version = Some("brain.Event:2".to_owned());
    let session_log = Some(SessionLog { status: SessionLog::START });
    let written = [
        at(1000.5, Event { file_version: version, ..Event::now(0) }),
        at(1000.5, Event { session_log, ..Event::now(1) }),
        at(1001.5, summary(row(RowSplit::Train, 1, 10.75))),
        at(1002.5, summary(row(RowSplit::Valid, 250, 0.0))),
    ]
    .concat();
    assert_eq!(written, include_bytes!("../../../tests/fixtures/events.out.tfevents"));
}

#[test]
fn each_process_starts_a_file_of_its_own_that_comes_after_the_others() {
    let folder = tempfile::tempdir().unwrap();
    for step in [0, 40] {
        let mut writer = EventWriter::create(folder.path(), step).unwrap();
        writer.write(&row(RowSplit::Train, step + 1, 5.0)).unwrap();
    }
    let entries = fs_err::read_dir(folder.path()).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let [first, second] = &paths[..] else { panic!("{paths:?}") };
    // Past the version's record, the session's says from which step on this file holds.
    let step_of_session = |path| {
        let bytes = fs_err::read(path).unwrap();
        let length = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        let start = length(0) as usize + 16;
        let event = &bytes[start + 12..][..length(start) as usize];
        Event::decode(event).unwrap().step
    };
    assert_eq!((step_of_session(first), step_of_session(second)), (1, 41));
}
