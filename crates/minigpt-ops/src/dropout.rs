//! Dropout whose mask is computed, not stored.

use rayon::prelude::*;

use crate::blocks::ELEMENTS;
use crate::simd::vectorized;

/// Dropout ([Srivastava et al., 2014](https://jmlr.org/papers/v15/srivastava14a.html)) at one place of
/// the model in one step: a kept element is divided by `1 - rate`, the others become zero.
///
/// Whether an element is kept is a pure function of the key and its index. No mask is stored: the
/// backward pass asks again, and any number of threads gets the same answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    key: u64,
    threshold: u32,
    scale: f32,
}

impl Dropout {
    /// Keeps everything.
    pub const NONE: Self = Self { key: 0, threshold: 0, scale: 1.0 };

    /// Dropout with the probability `rate` that an element becomes zero, and a `key` made of the seed
    /// and the step.
    ///
    /// # Panics
    ///
    /// If `rate` is not in `0.0..1.0`.
    pub fn new(rate: f32, key: u64) -> Self {
        assert!((0.0..1.0).contains(&rate), "a dropout rate is in 0.0..1.0, not {rate}");
        let threshold = (f64::from(rate) * 2f64.powi(32)) as u32;
        Self { key: mix(key), threshold, scale: 1.0 / (1.0 - rate) }
    }

    /// The same rate with a key of its own for the `n`-th place: a layer, an operation, a row.
    pub fn place(self, n: u64) -> Self {
        Self { key: mix(self.key ^ mix(n)), ..self }
    }

    /// True if every element is kept.
    pub fn is_none(self) -> bool {
        self.threshold == 0
    }

    /// The key's lower and upper half, for kernels elsewhere.
    pub fn key(self) -> [u32; 2] {
        [self.key as u32, (self.key >> 32) as u32]
    }

    /// Random bits below this drop an element.
    pub fn threshold(self) -> u32 {
        self.threshold
    }

    /// What a kept element is multiplied by.
    pub fn scale(self) -> f32 {
        self.scale
    }

    /// What element `i` is multiplied by: zero or `1 / (1 - rate)`.
    #[inline(always)]
    pub fn multiplier(self, i: u32) -> f32 {
        if random_bits(self.key, i) >= self.threshold { self.scale } else { 0.0 }
    }
}

/// `y = dropout(x)`, any shape. The gradient is the same function of the output's gradient.
///
/// # Panics
///
/// If the lengths differ.
pub fn dropout(x: &[f32], dropout: Dropout, y: &mut [f32]) {
    assert_eq!(x.len(), y.len(), "input and output of a dropout have one length");
    let chunks = y.par_chunks_mut(ELEMENTS).zip(x.par_chunks(ELEMENTS));
    chunks.enumerate().for_each(|(chunk, (y, x))| {
        vectorized!(drop_chunk(x, dropout, chunk * ELEMENTS, y));
    });
}

#[inline(always)]
fn drop_chunk(x: &[f32], dropout: Dropout, first: usize, y: &mut [f32]) {
    for (i, (y, &x)) in y.iter_mut().zip(x).enumerate() {
        *y = x * dropout.multiplier((first + i) as u32);
    }
}

/// 32 random bits for `counter` under `key`: the two rounds of Wellons' lowbias32
/// (<https://github.com/skeeto/hash-prospector>), half of the key before the first and the other half
/// between them, so that two keys do not give the same bits in another order.
#[inline(always)]
fn random_bits(key: u64, counter: u32) -> u32 {
    let mut x = counter.wrapping_add(key as u32);
    x ^= x >> 16;
    x = x.wrapping_mul(0x21f0_aaad);
    x ^= x >> 15;
    x = x.wrapping_add((key >> 32) as u32);
    x = x.wrapping_mul(0xd35a_2d97);
    x ^ (x >> 15)
}

/// The output function of SplitMix64 (Steele et al., 2014).
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
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
}
