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
