use super::*;

fn at(seen: usize, tokens: usize, loss: f64) -> PositionLoss {
    PositionLoss { seen, tokens, loss, deviation: 3.0 }
}

#[test]
fn means_are_weighted_and_stretches_grow() {
    let positions: Vec<_> = (1..=8).map(|seen| at(seen, seen, seen as f64)).collect();
    let means = means(&positions);
    // 1, 2, 3 and 4, 5 and 6, 7 and 8.
    assert_eq!(means.len(), 5);
    assert_eq!((means[1].x, means[2].loss), (1.0, (9.0 + 16.0) / 7.0));
    assert!((means[2].error - 2.0 * 3.0 / 7f64.sqrt()).abs() < 1e-12);
}

#[test]
fn positions_of_the_first_window_alone_are_left_out() {
    let positions = [at(1, 1, 9.0), at(2, 1, 1.0), at(3, 50, 4.0), at(4, 51, 4.0)];
    assert_eq!(often(&positions), &positions[2..]);
    assert_eq!(often(&positions[..2]).len(), 2);
}
