//! What a forward pass keeps for the backward pass in half the memory: rounded to bfloat16, two numbers in the place of
//! one.

use rayon::prelude::*;

use crate::blocks::ELEMENTS;
use crate::half_floats::to_bf16;
use crate::simd::vectorized;

/// Numbers whose memory so many take rounded.
#[must_use]
pub const fn rounded_len(len: usize) -> usize {
    len.div_ceil(2)
}

/// Rounds `x` into the memory of half as many numbers, [`rounded_len`]. What stands there afterwards is no number.
///
/// # Panics
///
/// If there is not as much room.
pub fn round_to_bf16(x: &[f32], rounded: &mut [f32]) {
    assert_eq!(rounded.len(), rounded_len(x.len()), "round_to_bf16: another length");
    let chunks = rounded.par_chunks_mut(ELEMENTS / 2).zip(x.par_chunks(ELEMENTS));
    chunks.for_each(|(rounded, x)| {
        vectorized!({
            // The first half of the numbers in the lower halves, the second in the upper ones: whole vectors.
            let (lower, upper) = x.split_at(rounded.len());
            for (rounded, x) in rounded.iter_mut().zip(lower) {
                *rounded = f32::from_bits(u32::from(to_bf16(*x)));
            }
            for (rounded, x) in rounded.iter_mut().zip(upper) {
                *rounded = f32::from_bits(rounded.to_bits() | u32::from(to_bf16(*x)) << 16);
            }
        });
    });
}

/// The numbers that [`round_to_bf16`] rounded.
///
/// # Panics
///
/// If the lengths do not fit together.
pub fn widen_from_bf16(rounded: &[f32], x: &mut [f32]) {
    assert_eq!(rounded.len(), rounded_len(x.len()), "widen_from_bf16: another length");
    let chunks = x.par_chunks_mut(ELEMENTS).zip(rounded.par_chunks(ELEMENTS / 2));
    chunks.for_each(|(x, rounded)| {
        vectorized!({
            let (lower, upper) = x.split_at_mut(rounded.len());
            for (x, rounded) in lower.iter_mut().zip(rounded) {
                *x = f32::from_bits(rounded.to_bits() << 16);
            }
            for (x, rounded) in upper.iter_mut().zip(rounded) {
                *x = f32::from_bits(rounded.to_bits() & 0xffff_0000);
            }
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_rounded_comes_back_within_eight_bits() {
        for len in [1, 2, 31, 64, 100_001] {
            let x: Vec<f32> = (0..len).map(|i| (i as f32 * 0.37).sin() * 9.0).collect();
            let (mut rounded, mut found) = (vec![0.0; rounded_len(len)], vec![0.0; len]);
            round_to_bf16(&x, &mut rounded);
            widen_from_bf16(&rounded, &mut found);
            assert!(x.iter().zip(&found).all(|(x, found)| (x - found).abs() <= x.abs() / 256.0));
        }
    }
}
