//! Dropout whose mask is computed, not stored.

#[cfg(test)]
mod tests;

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
    #[must_use]
    pub fn new(rate: f32, key: u64) -> Self {
        assert!((0.0..1.0).contains(&rate), "a dropout rate is in 0.0..1.0, not {rate}");
        let threshold = (f64::from(rate) * 2f64.powi(32)) as u32;
        Self { key: mix(key), threshold, scale: 1.0 / (1.0 - rate) }
    }

    /// The same rate with a key of its own for the `n`-th place: a layer, an operation, a row.
    #[must_use]
    pub fn place(self, n: u64) -> Self {
        Self { key: mix(self.key ^ mix(n)), ..self }
    }

    /// True if every element is kept.
    #[must_use]
    pub fn is_none(self) -> bool {
        self.threshold == 0
    }

    /// The key's lower and upper half, for kernels elsewhere.
    #[must_use]
    pub fn key(self) -> [u32; 2] {
        [self.key as u32, (self.key >> 32) as u32]
    }

    /// Random bits below this drop an element.
    #[must_use]
    pub fn threshold(self) -> u32 {
        self.threshold
    }

    /// What a kept element is multiplied by.
    #[must_use]
    pub fn scale(self) -> f32 {
        self.scale
    }

    /// What element `i` is multiplied by: zero or `1 / (1 - rate)`.
    #[inline(always)]
    #[must_use]
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
