use super::*;

fn sweep(halving: &str) -> Sweep {
    let text = format!(
        "preset = \"tiny\"\nseeds = [1, 2]\n{halving}\n[vary]\ntraining.batch_size = [4, 8, 16]\n"
    );
    Sweep::new(SweepFile::parse(&text).unwrap()).unwrap()
}

fn ended(score: f64) -> Standing {
    Standing {
        steps: 100,
        scores: BTreeMap::from([(50, score + 1.0), (100, score)]),
        has_ended: true,
        has_failed: false,
    }
}

#[test]
fn settings_stand_by_their_mean_with_its_deviation() {
    let standings = [3.0, 1.0, 2.0, 4.0, 2.0, 2.0].map(ended);
    let record = sweep("").record(&standings, &[6.0; 6], BTreeMap::new());
    let means: Vec<f64> = record.settings.iter().map(|one| one.mean.unwrap()).collect();
    assert_eq!(means, [1.5, 2.0, 3.5]);
    let best = &record.settings[0];
    assert_eq!(best.name, "batch_size=8");
    assert!((best.deviation.unwrap() - 0.5_f64.sqrt()).abs() < 1e-12);
    assert_eq!(best.runs[1].folder, "batch_size=8-s2");
    assert_eq!(record.minutes, 0.6);
    assert_eq!(record.trials, 6);
    let command = record.command.unwrap();
    assert_eq!(command, "minigpt train --preset tiny --set training.batch_size=8");
}

#[test]
fn what_is_not_complete_or_failed_is_no_winner() {
    let mut standings = [3.0, 1.0, 2.0, 4.0, 2.0, 2.0].map(ended);
    standings[1].has_failed = true;
    standings[1].has_ended = false;
    standings[5].has_ended = false;
    let failed = BTreeMap::from([("batch_size=8-s1".to_owned(), "loss NaN".to_owned())]);
    let record = sweep("").record(&standings, &[1.0; 6], failed);
    let names: Vec<&str> = record.settings.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["batch_size=4", "batch_size=16", "batch_size=8"]);
    assert_eq!(record.settings[2].mean, None);
    assert!(!record.settings[1].is_complete);
    let nothing = vec![Standing::default(); 6];
    assert_eq!(sweep("").record(&nothing, &[0.0; 6], BTreeMap::new()).command, None);
}

#[test]
fn what_ended_early_stands_behind_what_did_not() {
    let early = |score| Standing {
        steps: 10,
        scores: BTreeMap::from([(10, score)]),
        ..Standing::default()
    };
    let reached =
        |score| Standing { scores: BTreeMap::from([(10, score), (100, score)]), ..ended(score) };
    // The setting in the middle is better after ten steps, and goes on alone.
    let standings = [early(3.0), reached(2.5), early(3.1), early(3.0), reached(2.7), early(3.1)];
    let sweep = sweep("[halving]\nrungs = [10]\nkeep = \"third\"");
    let record = sweep.record(&standings, &[1.0; 6], BTreeMap::new());
    let ended: Vec<Option<usize>> = record.settings.iter().map(|one| one.ended_at).collect();
    assert_eq!(ended, [None, Some(10), Some(10)]);
    assert_eq!(sweep.next_leg(&standings), None);
    // Before anything was trained: all to the rung, then a third of them to the end.
    let legs = sweep.legs_left(&vec![Standing::default(); 6]);
    assert_eq!(legs.len(), 6 + 2);
    assert_eq!(legs.iter().filter(|leg| leg.until.is_none()).count(), 2);
}
