use super::*;
use crate::sweep::results::Score;

fn outcome(value: &str, scores: &[f64]) -> Outcome {
    let runs = scores.iter().enumerate().map(|(index, score)| Score {
        folder: format!("{value}-s{index}"),
        seed: index as u64,
        steps: 10,
        seconds: 1.0,
        bits_per_byte: Some(*score),
    });
    Outcome {
        name: value.to_owned(),
        words: value.to_owned(),
        variant: None,
        varied: BTreeMap::from([("data.tokenizer".to_owned(), value.to_owned())]),
        runs: runs.collect(),
        mean: None,
        deviation: None,
        ended_at: None,
        is_complete: true,
    }
}

fn record(settings: Vec<Outcome>) -> SweepRecord {
    SweepRecord { settings, ..SweepRecord::default() }
}

#[test]
fn sizes_stand_at_their_places_and_words_in_a_row() {
    let sizes = record(vec![outcome("bpe:2048", &[2.0, 3.0]), outcome("bpe:8192", &[1.0])]);
    let chart = &figure(&sizes).charts[0];
    assert_eq!(chart.x.scale, Scale::Log);
    assert_eq!(chart.lines.last().unwrap().points, [(2048.0, 2.5), (8192.0, 1.0)]);
    // The runs, and the line of means.
    assert_eq!(chart.lines.len(), 3 + 1);

    let words = record(vec![outcome("byte", &[2.0]), outcome("char", &[1.0])]);
    let chart = &figure(&words).charts[0];
    let notes: Vec<&str> = chart.notes.iter().map(|note| note.text.as_str()).collect();
    assert_eq!(notes, ["byte", "char"]);
    assert_eq!(chart.lines.last().unwrap().points, [(1.0, 1.0), (2.0, 2.0)]);
}

#[test]
fn what_ended_early_is_left_out_and_nothing_is_no_picture() {
    let early = Outcome { ended_at: Some(10), ..outcome("byte", &[2.0]) };
    assert!(!has_picture(&record(vec![early, outcome("char", &[1.0])])));
    assert!(!has_picture(&record(Vec::new())));
    assert!(!has_picture(&record(vec![Outcome {
        varied: BTreeMap::new(),
        ..outcome("a", &[1.0])
    }])));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sweep.png");
    draw_sweep(&record(vec![outcome("1", &[1.0]), outcome("2", &[1.1])]), "title", &path).unwrap();
    assert!(fs_err::metadata(&path).unwrap().len() > 1000);
}
