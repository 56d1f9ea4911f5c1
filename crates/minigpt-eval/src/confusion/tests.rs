use super::*;

/// The figures of scikit-learn 1.9's `accuracy_score` and `f1_score(average=…)`.
#[test]
fn the_figures_are_scikit_learns() {
    let labels = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
    let is = [0, 0, 0, 0, 1, 1, 1, 2, 2, 0];
    let taken_for = [0, 0, 1, 2, 1, 1, 0, 2, 1, 0];
    let confusion = Confusion::new(labels, is.into_iter().zip(taken_for));
    assert_eq!(confusion.counts[0], [3, 1, 1, 0]);
    assert_eq!((confusion.texts(), confusion.accuracy(), confusion.majority()), (10, 0.6, 0.5));
    let expected = [0.666667, 0.571429, 0.5, 0.0];
    for (label, expected) in expected.into_iter().enumerate() {
        assert!((confusion.f1(label) - expected).abs() < 1e-6);
    }
    assert!((confusion.macro_f1() - 0.434524).abs() < 1e-6);
}
