use super::*;

fn noisy(points: u32) -> Vec<(f64, f64)> {
    (0..points).map(|x| (f64::from(x), f64::from(x % 2))).collect()
}

#[test]
fn smoothing_keeps_a_constant_and_starts_at_the_first_point() {
    let flat: Vec<_> = (0..500).map(|x| (f64::from(x), 2.5)).collect();
    assert!(running_mean(&flat, 25).iter().all(|(_, y)| (y - 2.5).abs() < 1e-9));
    let smooth = running_mean(&noisy(500), 25);
    assert_eq!(smooth[0], (0.0, 0.0));
    assert!(smooth[50..].iter().all(|(_, y)| (y - 0.5).abs() < 0.05));
    assert_eq!(smooth.len(), 500);
}

#[test]
fn smoothing_does_not_lag() {
    let line: Vec<_> = (0..200).map(|x| (f64::from(x), f64::from(x))).collect();
    let smooth = running_mean(&line, 21);
    assert!(smooth[44..189].iter().all(|(x, y)| (x - y).abs() < 1e-9));
}

#[test]
fn a_window_of_one_or_none_changes_nothing_and_one_too_wide_is_a_mean() {
    let points = noisy(7);
    assert_eq!(running_mean(&points, 0), points);
    assert_eq!(running_mean(&points, 1), points);
    assert_eq!(running_mean(&[], 9), []);
    assert_eq!(running_mean(&points[..1], 9), points[..1]);
    assert_eq!(running_mean(&points, 1 << 40).len(), 7);
}

#[test]
fn default_windows_are_odd_and_short_lines_have_none() {
    assert_eq!([0, 40, 79, 80, 800, 1456].map(default_window), [1, 1, 1, 3, 21, 37]);
}

#[test]
fn a_spike_is_in_the_means_around_it_alone() {
    for (spike, window) in [(1e17, 11), (1e300, 11), (f64::NAN, 37)] {
        let mut points: Vec<_> = (0..1000).map(|x| (f64::from(x), 0.5)).collect();
        points[100].1 = spike;
        for (index, (_, y)) in running_mean(&points, window).into_iter().enumerate() {
            let is_near = index.abs_diff(100) <= window / 2;
            assert_eq!(y == 0.5, !is_near, "{spike}, {window}, {index}: {y}");
        }
    }
}

#[test]
fn every_mean_is_that_of_its_window() {
    let points: Vec<_> = (0..700u32).map(|x| (f64::from(x), f64::from(x * x % 97))).collect();
    for window in [1, 3, 8, 101, 5000] {
        for (index, (_, y)) in running_mean(&points, window).into_iter().enumerate() {
            let reach = (window / 2).min(index / 4);
            let around = &points[index - reach..(index + reach + 1).min(points.len())];
            let sum: f64 = around.iter().map(|(_, y)| y).sum();
            assert!((y - sum / around.len() as f64).abs() < 1e-9, "{window}, {index}");
        }
    }
}
