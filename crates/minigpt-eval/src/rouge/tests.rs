use super::*;

/// The figures of `rouge_score` 0.1.2, `rougeL` without stemming, times a hundred.
#[test]
fn it_is_the_figure_of_rouge_score() {
    let check = |written: &str, expected: &str, reference: f64| {
        let found = rouge_l(&[(written, expected)]);
        assert!((found - reference).abs() < 1e-4, "{written:?}: {found}");
    };
    let fox = "The quick brown fox jumps over the lazy dog";
    check("The quick brown dog jumps on the log.", fox, 58.823529);
    check(fox, fox, 100.0);
    check("", fox, 0.0);
    check("nothing of it", fox, 0.0);
    check("It's 3 o'clock", "it is 3 o clock", 80.0);
    let both = [("", fox), (fox, fox), ("The quick brown dog jumps on the log.", fox)];
    assert!((rouge_l(&both) - 158.823529 / 3.0).abs() < 1e-4);
}
