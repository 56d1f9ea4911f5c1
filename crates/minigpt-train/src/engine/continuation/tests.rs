use super::*;
use crate::config::Decay;
use crate::config::ScheduleConfig;
use crate::config::continued::Restart;

fn config(decay: Decay) -> ScheduleConfig {
    ScheduleConfig { decay, ..ScheduleConfig::cosine(1.0, 10) }
}

/// The schedule of a run of 100 steps that goes on after `step`, up to `total` steps.
fn continued(
    original: &ScheduleConfig,
    wanted: ScheduleConfig,
    step: usize,
    total: usize,
) -> ScheduleConfig {
    let old = Schedule::new(original.clone(), 100);
    rates::schedule(&old, original, wanted, Seam::new(&old, &[], step), total).0
}

#[test]
fn before_its_fall_a_schedule_stays_as_it_is() {
    for (decay, step) in [
        (Decay::Constant, 100),
        (Decay::Stable, 80),
        (Decay::Stable, 40),
        (Decay::Cosine, 11),
        (Decay::Linear, 5),
    ] {
        let original = config(decay);
        assert_eq!(continued(&original, original.clone(), step, 150), original, "{decay:?} {step}");
    }
}

#[test]
fn after_its_fall_it_rises_to_its_peak_and_falls_again() {
    for decay in [Decay::Cosine, Decay::Linear, Decay::Stable] {
        let original = config(decay);
        let new = continued(&original, original.clone(), 100, 150);
        let Some(Restart { step: 100, learning_rate }) = new.restart else { panic!("{new:?}") };
        assert!((learning_rate - 0.1).abs() < 1e-12, "{decay:?} {learning_rate}");
        assert_eq!((new.learning_rate, new.warmup_steps), (1.0, 5), "{decay:?}");
        assert_eq!((new.decay, new.final_ratio), (decay, 0.1));
    }
}

/// It moves by a step of the warm-up at most, and by one of the fall.
#[test]
fn the_rate_never_jumps() {
    let all = [Decay::Cosine, Decay::Linear, Decay::Constant, Decay::Stable];
    for (decay, wanted) in all.into_iter().flat_map(|decay| all.map(|wanted| (decay, wanted))) {
        for (step, total) in [(5, 60), (20, 120), (50, 150), (85, 200), (100, 200)] {
            let original = config(decay);
            let old = Schedule::new(original.clone(), 100);
            let wanted = ScheduleConfig { decay: wanted, ..original.clone() };
            let new = Schedule::new(continued(&original, wanted, step, total), total);
            let mut before = old.learning_rate(step - 1);
            for later in step..total {
                let rate = new.learning_rate(later);
                assert!((rate - before).abs() < 0.2, "{new:?} {step} {later}: {before} {rate}");
                assert!(rate <= 1.0 + 1e-12, "{new:?} {step} {later}: {rate}");
                before = rate;
            }
        }
    }
}

/// A branch from before the place where the run itself went on: the schedule knows nothing of that time.
#[test]
fn before_a_restart_the_rows_say_the_rate() {
    let restart = Some(Restart { step: 50, learning_rate: 0.2 });
    let original = ScheduleConfig { restart, ..config(Decay::Cosine) };
    let old = Schedule::new(original.clone(), 100);
    let seam = Seam { step: 30, rate: 0.7 };
    let (new, as_planned) = rates::schedule(&old, &original, original.clone(), seam, 60);
    assert!(!as_planned);
    assert_eq!(new.restart, Some(Restart { step: 30, learning_rate: 0.7 }));
    assert_eq!((new.learning_rate, new.warmup_steps), (1.0, 3));
}

/// A branch from the very step after which the run itself went on: nothing has moved since.
#[test]
fn at_a_restart_the_rates_are_as_planned() {
    let restart = Some(Restart { step: 50, learning_rate: 0.2 });
    let original = ScheduleConfig { restart, ..config(Decay::Cosine) };
    let old = Schedule::new(original.clone(), 100);
    let seam = Seam { step: 50, rate: 0.2 };
    let (new, as_planned) = rates::schedule(&old, &original, original.clone(), seam, 160);
    assert_eq!((&new, as_planned), (&original, true));
    assert!(Rates::new(&new, as_planned, seam, 160).as_planned);
}

#[test]
fn a_new_peak_is_gone_to_by_a_warm_up() {
    let original = config(Decay::Constant);
    let wanted = ScheduleConfig { learning_rate: 0.2, ..original.clone() };
    let new = continued(&original, wanted, 100, 200);
    assert_eq!(new.restart, Some(Restart { step: 100, learning_rate: 1.0 }));
    assert_eq!((new.learning_rate, new.warmup_steps), (0.2, 10));
}

#[test]
fn only_what_decides_the_rest_may_change() {
    let original = RunConfig::tiny();
    let changed = |key: &str, value: &str| {
        let wanted = original.with_setting(key, value).unwrap();
        change::check(&original, &wanted).map_err(|error| error.to_string())
    };
    for (key, value) in [
        ("schedule.decay", "stable"),
        ("schedule.learning_rate", "0.001"),
        ("training.patience", "3"),
        ("training.eval_every", "7"),
    ] {
        assert_eq!(changed(key, value), Ok(()));
    }
    for (key, value) in [
        ("model.n_layer", "3"),
        ("optimizer.beta_1", "0.8"),
        ("training.batch_size", "8"),
        ("training.seed", "7"),
        ("data.source", "notes.txt"),
        ("sample.prompt", "Emma"),
    ] {
        let error = changed(key, value).unwrap_err();
        let expected = format!("{key} cannot change when a run is continued: expected one of ");
        assert!(error.starts_with(&expected), "{error}");
    }
}
