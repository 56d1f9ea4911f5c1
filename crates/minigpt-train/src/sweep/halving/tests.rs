use proptest::prelude::*;

use super::*;
use crate::sweep::file::Keep;

/// Trains as a sweep does, by scores that are known, and returns the steps of each trial and the legs.
fn trained(
    settings: usize,
    halving: Option<&Halving>,
    scores: &[f64],
    total: usize,
) -> (Vec<Standing>, Vec<Leg>) {
    let mut standings = vec![Standing::default(); scores.len()];
    let mut legs = Vec::new();
    while let Some(leg) = next_leg(settings, halving, &standings) {
        legs.push(leg);
        let standing = &mut standings[leg.trial];
        let step = leg.until.unwrap_or(total);
        standing.steps = step;
        standing.scores.insert(step, scores[leg.trial]);
        standing.has_ended = leg.until.is_none();
    }
    (standings, legs)
}

#[test]
fn without_halving_every_trial_is_trained_once_to_its_end() {
    let (_, legs) = trained(3, None, &[1.0; 6], 100);
    let expected: Vec<Leg> = (0..6).map(|trial| Leg { trial, until: None }).collect();
    assert_eq!(legs, expected);
}

#[test]
fn at_each_rung_the_worse_part_ends() {
    let halving = Halving { rungs: vec![10, 20], keep: Keep::Half };
    // Five settings with one seed: three go on after the first rung, two after the second.
    let (standings, legs) = trained(5, Some(&halving), &[5.0, 1.0, 4.0, 2.0, 3.0], 100);
    let steps: Vec<usize> = standings.iter().map(|standing| standing.steps).collect();
    assert_eq!(steps, [10, 100, 10, 100, 20]);
    assert_eq!(legs.len(), 5 + 3 + 2);
    assert_eq!(ended_at(5, Some(&halving), &standings), [Some(10), None, Some(10), None, Some(20)]);
}

#[test]
fn settings_are_compared_by_the_mean_of_their_seeds() {
    let halving = Halving { rungs: vec![10], keep: Keep::Third };
    // The first setting has the best seed, the second the best mean.
    let (standings, _) = trained(3, Some(&halving), &[1.0, 2.0, 3.0, 9.0, 2.0, 3.0], 50);
    let steps: Vec<usize> = standings.iter().map(|standing| standing.steps).collect();
    assert_eq!(steps, [10, 50, 10, 10, 50, 10]);
}

#[test]
fn a_trial_that_failed_is_worse_than_any_and_not_tried_again() {
    let halving = Halving { rungs: vec![10], keep: Keep::Half };
    let failed = Standing { has_failed: true, ..Standing::default() };
    let reached = |score| Standing {
        steps: 10,
        scores: BTreeMap::from([(10, score)]),
        ..Standing::default()
    };
    let standings = [failed, reached(7.0)];
    assert_eq!(next_leg(2, Some(&halving), &standings), Some(Leg { trial: 1, until: None }));
    assert_eq!(standings[0].best(), None);
}

proptest! {
    /// However scores fall: the best setting is trained to its end, nothing is trained twice, and a sweep that is
    /// interrupted anywhere goes on with the same leg.
    #[test]
    fn the_best_is_never_stopped(
        scores in prop::collection::vec(0.5_f64..9.0, 1..20),
        first in 1_usize..5,
        rungs in 1_usize..4,
        is_third: bool,
    ) {
        let keep = if is_third { Keep::Third } else { Keep::Half };
        let rungs: Vec<usize> = (1..=rungs).map(|rung| rung * first).collect();
        let halving = Halving { rungs: rungs.clone(), keep };
        let (standings, legs) = trained(scores.len(), Some(&halving), &scores, 100);
        let best = (0..scores.len()).min_by(|a, b| scores[*a].total_cmp(&scores[*b])).unwrap();
        prop_assert!(standings[best].has_ended);
        let mut sorted: Vec<_> = legs.iter().map(|leg| (leg.trial, leg.until)).collect();
        sorted.sort_unstable();
        sorted.dedup();
        prop_assert_eq!(sorted.len(), legs.len());
        let complete = standings.iter().filter(|standing| standing.has_ended).count();
        let expected = rungs.iter().fold(scores.len(), |left, _| keep.of(left));
        prop_assert_eq!(complete, expected);
        let ended = ended_at(scores.len(), Some(&halving), &standings);
        prop_assert_eq!(ended.iter().filter(|ended| ended.is_none()).count(), expected);
    }
}
