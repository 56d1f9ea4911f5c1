use super::*;
use crate::config::continued::Origin;

fn run(name: &str, seed: u64, decay: f32) -> (Curve, RunConfig) {
    let mut config = RunConfig::preset("tiny").unwrap();
    config.training.seed = seed;
    config.optimizer.weight_decay = decay;
    (Curve { name: name.to_owned(), rows: Vec::new() }, config)
}

#[test]
fn runs_that_differ_only_in_their_seed_are_one_group() {
    let runs = vec![run("a-1", 1, 0.1), run("b", 1, 0.2), run("a-2", 2, 0.1), run("a-3", 3, 0.1)];
    let groups = by_seed(runs).unwrap();
    let found: Vec<_> =
        groups.iter().map(|group| (group.name.as_str(), group.curves.len())).collect();
    assert_eq!(found, [("a", 3), ("b", 1)]);
}

#[test]
fn continued_runs_of_several_seeds_are_one_group() {
    let mut runs = vec![run("a-1", 1, 0.1), run("a-2", 2, 0.1)];
    for (curve, config) in &mut runs {
        config.continued.push(Origin { run: format!("runs/short-{}", curve.name), step: 20 });
    }
    let groups = by_seed(runs).unwrap();
    assert_eq!((groups.len(), groups[0].curves.len()), (1, 2));
}

#[test]
fn runs_that_differ_in_more_are_refused_by_the_setting() {
    let error = by_seed(vec![run("a", 1, 0.1), run("b", 2, 0.2)]).unwrap_err().to_string();
    assert_eq!(
        error,
        "cannot draw a band: expected runs that differ only in training.seed, but a and b differ in optimizer.weight_decay"
    );
    let error = by_seed(vec![run("a", 1, 0.1)]).unwrap_err().to_string();
    assert_eq!(
        error,
        "cannot draw a band of one run, a: expected several runs that differ only in training.seed"
    );
}

#[test]
fn runs_of_one_seed_make_no_band() {
    let runs = vec![run("a", 1, 0.1), run("other", 2, 0.1), run("again", 1, 0.1)];
    assert_eq!(
        by_seed(runs).unwrap_err().to_string(),
        "cannot draw a band: a and again have the same settings and training.seed 1, expected different seeds"
    );
}

#[test]
fn a_run_without_others_keeps_its_name() {
    let runs = vec![run("a-1", 1, 0.1), run("a-2", 2, 0.1), run("b-2", 1, 0.2)];
    let names: Vec<_> = by_seed(runs).unwrap().into_iter().map(|group| group.name).collect();
    assert_eq!(names, ["a", "b-2"]);
}

#[test]
fn a_group_is_named_for_what_its_runs_have_in_common() {
    assert_eq!(common_name(&["small-s1", "small-s2"]), "small");
    assert_eq!(common_name(&["tiny-1", "tiny-12"]), "tiny");
    assert_eq!(common_name(&["muon_seed1", "muon_seed2"]), "muon");
    assert_eq!(common_name(&["news", "news-2"]), "news");
    assert_eq!(common_name(&["1", "2"]), "1");
    assert_eq!(common_name(&["é1", "è2"]), "é1");
}
