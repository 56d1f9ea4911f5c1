use super::*;

fn mask(dropout: Dropout, length: u32) -> Vec<f64> {
    (0..length).map(|i| f64::from(u8::from(dropout.multiplier(i) != 0.0))).collect()
}

/// Correlation of two masks of the keep probability `p`, in standard deviations.
fn correlation(a: &[f64], b: &[f64], p: f64) -> f64 {
    let sum: f64 = a.iter().zip(b).map(|(a, b)| (a - p) * (b - p)).sum();
    sum / (p * (1.0 - p)) / (a.len() as f64).sqrt()
}

#[test]
fn the_bits_are_uniform() {
    // Chi-square over 256 values of each byte: 255 degrees of freedom, deviation 22.6.
    for key in 0..8 {
        let key = mix(key);
        for byte in 0..4 {
            let mut counts = [0u32; 256];
            for i in 0..1 << 16 {
                counts[(random_bits(key, i) >> (8 * byte)) as usize & 255] += 1;
            }
            let chi: f64 = counts.iter().map(|&n| (f64::from(n) - 256.0).powi(2) / 256.0).sum();
            assert!((140.0..370.0).contains(&chi), "key {key:x}, byte {byte}: {chi}");
        }
    }
}

#[test]
fn masks_keep_their_share_and_neighbours_and_places_are_independent() {
    const N: u32 = 1 << 18;
    for rate in [0.1, 0.5] {
        let p = 1.0 - f64::from(rate);
        let base = Dropout::new(rate, 1337);
        let masks: Vec<_> = (0..4).map(|n| mask(base.place(n), N)).collect();
        for (n, a) in masks.iter().enumerate() {
            let share = a.iter().sum::<f64>() / f64::from(N);
            let deviation = (p * (1.0 - p) / f64::from(N)).sqrt();
            assert!((share - p).abs() < 4.0 * deviation, "kept {share} of {p}");
            for lag in [1, 2, 3, 4, 8, 32, 128, 256, 1024] {
                let c = correlation(&a[lag..], a, p);
                assert!(c.abs() < 4.5, "lag {lag}: {c} deviations");
            }
            for b in &masks[..n] {
                assert!(correlation(a, b, p).abs() < 4.5);
            }
        }
    }
}

#[test]
fn consecutive_keys_and_steps_are_independent() {
    let at = |key| mask(Dropout::new(0.1, key).place(3), 1 << 16);
    for key in 0..32 {
        let c = correlation(&at(key), &at(key + 1), 0.9);
        assert!(c.abs() < 4.5, "keys {key} and {}: {c} deviations", key + 1);
    }
}

#[test]
fn none_keeps_everything() {
    assert!(Dropout::NONE.is_none() && Dropout::new(0.0, 5).is_none());
    assert!((0..1000).all(|i| Dropout::new(0.0, 5).place(2).multiplier(i) == 1.0));
}
