use super::*;

#[test]
fn exp_is_close_to_libms_over_its_range() {
    for i in -87_000..=88_000 {
        let x = i as f32 * 1e-3 + 1e-5;
        let (ours, exact) = (vectorized!(exp(x)) as f64, (x as f64).exp());
        assert!((ours / exact - 1.0).abs() < 2e-7, "exp({x}) = {ours}, not {exact}");
    }
}

#[test]
fn exp_saturates_and_keeps_nan() {
    assert!(exp(f32::NEG_INFINITY) < 1.3e-38);
    assert!(exp(f32::INFINITY) > 3e38);
    assert_eq!(exp(0.0), 1.0);
    assert!(exp(f32::NAN).is_nan());
}

#[test]
fn reductions_agree_with_the_obvious_loops() {
    for length in [0, 1, 7, 31, 32, 33, 100, 257] {
        let a: Vec<f32> = (0..length).map(|i| (i as f32 * 0.7).sin()).collect();
        let b: Vec<f32> = (0..length).map(|i| (i as f32 * 0.3).cos()).collect();
        let sum: f32 = a.iter().sum();
        let product: f32 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
        assert!((sum_of(&a, |a| a) - sum).abs() < 1e-4);
        assert!((dot(&a, &b) - product).abs() < 1e-4);
        assert!((sum_of_pairs(&a, &b, |a, b| a * b) - product).abs() < 1e-4);
        assert_eq!(max(&a), a.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        let mut doubled = a.clone();
        assert!((map_and_sum(&mut doubled, |a| 2.0 * a) - 2.0 * sum).abs() < 1e-4);
        assert!(doubled.iter().zip(&a).all(|(d, a)| *d == 2.0 * a));
    }
}
