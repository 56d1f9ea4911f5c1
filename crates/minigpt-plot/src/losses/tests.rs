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
    assert_eq!(often(&positions, |at| at.tokens), &positions[2..]);
    assert_eq!(often(&positions[..2], |at| at.tokens).len(), 2);
}

#[test]
fn positions_in_any_order_are_drawn_as_if_they_rose() {
    let rising: Vec<_> = (1..=40).map(|seen| at(seen, 9, 9.0 / seen as f64)).collect();
    let falling: Vec<_> = rising.iter().rev().copied().collect();
    assert!(means(&falling).len() <= falling.len(), "it ends");
    let classes = [FrequencyClass { from: 1, to: 1, tokens: 5, loss: 2.0 }];
    let folder = tempfile::tempdir().unwrap();
    let drawn = |name: &str, positions: &[PositionLoss]| {
        let path = folder.path().join(name);
        draw_losses(&path, "a title", 1.0, positions, &classes).unwrap();
        fs_err::read_to_string(path).unwrap()
    };
    assert_eq!(drawn("rising.svg", &rising), drawn("falling.svg", &falling));
}
