use super::*;

fn article(total_steps: usize) -> Schedule {
    Schedule::new(ScheduleConfig::cosine(3e-4, 1000), total_steps)
}

#[track_caller]
fn close(actual: f64, expected: f64) {
    assert!((actual - expected).abs() < 1e-12, "{actual} is not {expected}");
}

#[test]
fn it_rises_to_the_peak_and_ends_at_a_tenth() {
    let schedule = article(5001);
    close(schedule.learning_rate(0), 3e-7);
    close(schedule.learning_rate(999), 3e-4);
    close(schedule.learning_rate(1000), 3e-4);
    close(schedule.learning_rate(3000), 1.65e-4);
    close(schedule.learning_rate(5000), 3e-5);
    close(schedule.learning_rate(9000), 3e-5);
}

#[test]
fn every_decay_starts_at_the_peak_and_takes_its_own_way() {
    let at = |decay: Decay, step: usize| {
        let config = ScheduleConfig { decay, ..ScheduleConfig::cosine(1.0, 10) };
        Schedule::new(config, 101).learning_rate(step)
    };
    for decay in [Decay::Cosine, Decay::Linear, Decay::Constant, Decay::Stable] {
        close(at(decay, 4), 0.5);
        close(at(decay, 10), 1.0);
    }
    close(at(Decay::Linear, 55), 0.55);
    close(at(Decay::Linear, 100), 0.1);
    close(at(Decay::Constant, 100), 1.0);
    close(at(Decay::Stable, 80), 1.0);
    close(at(Decay::Stable, 90), 0.55);
    close(at(Decay::Stable, 100), 0.1);
}

#[test]
fn a_run_shorter_than_the_warm_up_only_rises() {
    let schedule = article(300);
    close(schedule.learning_rate(299), 9e-5);
}

#[test]
fn its_record_restores_the_position() {
    let mut schedule = article(5001);
    for _ in 0..1234 {
        schedule.step();
    }
    let mut restored = article(5001);
    restored.load_record(schedule.to_record());
    assert_eq!(restored.step(), schedule.step());
}

#[test]
fn before_it_falls_it_is_the_same_however_long_the_run_is() {
    let of = |decay: Decay, total_steps: usize| {
        Schedule::new(ScheduleConfig { decay, ..ScheduleConfig::cosine(1.0, 10) }, total_steps)
    };
    for (decay, expected) in [
        (Decay::Cosine, 11),
        (Decay::Linear, 11),
        (Decay::Stable, 81),
        (Decay::Constant, usize::MAX),
    ] {
        let (short, long) = (of(decay, 101), of(decay, 150));
        let same = short.steps_before_fall();
        assert_eq!(same, expected);
        assert!(long.steps_before_fall() >= same);
        for step in 0..same.min(120) {
            assert_eq!(short.learning_rate(step), long.learning_rate(step), "{decay:?} {step}");
        }
        if same < 101 {
            assert!(short.learning_rate(same) < long.learning_rate(same), "{decay:?}");
        }
    }
}

#[test]
fn a_restart_rises_from_the_rate_before_it_and_falls_again() {
    let restart = Some(Restart { step: 100, learning_rate: 0.1 });
    for decay in [Decay::Cosine, Decay::Linear, Decay::Stable] {
        let config = ScheduleConfig { decay, restart, ..ScheduleConfig::cosine(0.5, 10) };
        let schedule = Schedule::new(config, 201);
        close(schedule.learning_rate(100), 0.14);
        close(schedule.learning_rate(109), 0.5);
        close(schedule.learning_rate(110), 0.5);
        close(schedule.learning_rate(200), 0.05);
        let same = schedule.steps_before_fall();
        close(schedule.learning_rate(same - 1), 0.5);
        assert!(schedule.learning_rate(same) < 0.5);
    }
}
