use super::*;

#[test]
fn the_faster_turn_counts() {
    let figures = |seconds_per_step, memory| Figures {
        seconds_per_step,
        tokens_per_second: 1.0 / seconds_per_step,
        peak_memory: Some(memory),
        page_faults_per_step: None,
        operations_per_step: None,
    };
    let mut best = figures(2.0, 100.0);
    best.improve(figures(1.0, 120.0));
    assert_eq!((best.seconds_per_step, best.peak_memory), (1.0, Some(100.0)));
    best.improve(figures(3.0, 90.0));
    assert_eq!((best.seconds_per_step, best.peak_memory), (1.0, Some(90.0)));
}
