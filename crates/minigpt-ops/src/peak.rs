//! Multiply-adds of registers, what a processor does at most.

#[cfg(test)]
mod tests;

use std::hint::black_box;

use crate::precision::Precision;
use crate::simd::{self, vectorized};

/// Does multiply-adds of numbers that lie in registers, on all threads of the current rayon pool, and gives how many
/// floating-point operations these were: two for each multiply-add, and as many times more for each of `rounds`. Divided by
/// the time that many rounds take, it is the peak that no matrix product of this precision can pass. `None` where the
/// processor does not [have](Precision::is_native) the precision.
///
/// In `f32` it is a fused multiply-add of AVX-512, AVX2 or NEON, and a product and a sum where there is none; in bfloat16 it
/// is `vdpbf16ps`. AMX, for which there is no kernel here, can do more.
///
/// # Example
///
/// ```
/// use minigpt_ops::{Precision, multiply_adds};
///
/// let began = std::time::Instant::now();
/// let operations = multiply_adds(Precision::F32, 1000).unwrap();
/// println!("{} operations in {:?}", operations, began.elapsed());
/// ```
#[must_use]
pub fn multiply_adds(precision: Precision, rounds: usize) -> Option<u64> {
    if !precision.is_native() {
        return None;
    }
    let work: fn(usize) -> u64 = match precision {
        Precision::F32 => in_f32,
        Precision::Bf16 => in_bf16,
    };
    Some(rayon::broadcast(|_| work(rounds)).into_iter().sum())
}

/// Those of one thread: independent chains, so many that none waits for the one before it, and few enough for the registers
/// of the instruction set.
fn in_f32(rounds: usize) -> u64 {
    let (factor, term) = black_box((0.5, 0.5));
    match simd::instructions() {
        // 12 of 32 registers.
        "AVX-512" => vectorized!(chains::<192>(rounds, |x| x.mul_add(factor, term))),
        // 12 of 16; `mul_add` would be a call of the C library.
        "baseline" => vectorized!(chains::<48>(rounds, |x| x * factor + term)),
        // 12 of AVX2's 16, 24 of NEON's 32.
        _ => vectorized!(chains::<96>(rounds, |x| x.mul_add(factor, term))),
    }
}

#[inline(always)]
fn chains<const N: usize>(rounds: usize, multiply_add: impl Fn(f32) -> f32) -> u64 {
    let mut values = [0.0; N];
    for _ in 0..rounds {
        for value in &mut values {
            *value = multiply_add(*value);
        }
    }
    black_box(values);
    2 * (rounds * N) as u64
}

#[cfg(target_arch = "x86_64")]
fn in_bf16(rounds: usize) -> u64 {
    // SAFETY: the processor has the instructions, as the caller found out.
    unsafe { avx512::in_bf16(rounds) }
}

#[cfg(not(target_arch = "x86_64"))]
fn in_bf16(_rounds: usize) -> u64 {
    unreachable!("no processor of this kind has the instructions")
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::*;
    use std::hint::black_box;

    /// Sums: the instruction takes longer than a multiply-add of `f32`.
    const CHAINS: usize = 24;

    /// Operations of an instruction: two multiply-adds for each of 16 sums.
    const OPERATIONS: usize = 2 * 2 * 16;

    #[target_feature(enable = "avx512f,avx512bf16")]
    pub(super) fn in_bf16(rounds: usize) -> u64 {
        let [a, b] = black_box([1.0, 0.5])
            .map(|value| _mm512_cvtne2ps_pbh(_mm512_set1_ps(value), _mm512_set1_ps(-value)));
        let mut sums = [_mm512_setzero_ps(); CHAINS];
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = _mm512_dpbf16_ps(*sum, a, b);
            }
        }
        black_box(sums);
        (rounds * CHAINS * OPERATIONS) as u64
    }
}
