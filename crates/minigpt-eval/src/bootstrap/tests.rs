use super::*;

const MEAN: fn(&[f64; 2]) -> f64 = |sum| sum[0] / sum[1];

#[test]
fn the_interval_of_a_mean_is_what_statistics_says() {
    // 0 to 99, again and again: mean 49.5, standard deviation 28.87, of the mean of 2000 0.645.
    let parts: Vec<[f64; 2]> = (0..2000).map(|n| [f64::from(n % 100), 1.0]).collect();
    let [mean] = Bootstrap::default().measure(&parts, [MEAN]);
    assert_eq!(mean.value, 49.5);
    let (low, high) = (mean.low.unwrap(), mean.high.unwrap());
    assert!((low - (49.5 - 1.96 * 0.645)).abs() < 0.2, "{low}");
    assert!((high - (49.5 + 1.96 * 0.645)).abs() < 0.2, "{high}");
}

#[test]
fn the_seed_decides_and_one_part_has_no_interval() {
    let parts: Vec<[f64; 2]> = (0..50).map(|n| [f64::from(n * n), 1.0]).collect();
    let of_seed = |seed| Bootstrap { seed, ..Bootstrap::default() }.measure(&parts, [MEAN]);
    assert_eq!(of_seed(1), of_seed(1));
    assert_ne!(of_seed(1), of_seed(2));
    let [alone] = Bootstrap::default().measure(&parts[..1], [MEAN]);
    assert_eq!(alone, Measured { value: 0.0, low: None, high: None });
    let none = Bootstrap { resamples: 0, ..Bootstrap::default() };
    assert_eq!(none.measure(&parts, [MEAN])[0].low, None);
}
