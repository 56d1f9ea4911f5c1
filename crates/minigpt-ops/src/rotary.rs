//! Rotary position embedding of rows, in place.

use rayon::prelude::*;

use crate::blocks::ROWS;
use crate::simd::vectorized;

/// Which two numbers of a head are one pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotaryPairs {
    /// `i` and `i + head_size / 2`, as in Hugging Face's Llama.
    Halves,
    /// `2i` and `2i + 1`, as in Llama itself, and in GGUF files of it.
    Adjacent,
}

/// Turns each pair `(a, b)` of each head: `(a · cos - b · sin, b · cos + a · sin)` ([Su et al.,
/// 2021](https://arxiv.org/abs/2104.09864)). `x` is `[n, heads * head_size]`, `cos` and `sin`
/// `[n, head_size / 2]`. Nothing turns where `cos` is empty.
///
/// # Panics
///
/// If the lengths do not fit together.
pub fn rotate(pairs: RotaryPairs, head_size: usize, cos: &[f32], sin: &[f32], x: &mut [f32]) {
    let half = head_size / 2;
    if half == 0 || cos.is_empty() {
        return;
    }
    assert_eq!(cos.len(), sin.len(), "rotate: cosines without sines");
    let (n, width) = (cos.len() / half, x.len() * half / cos.len());
    let is_whole = cos.len() == n * half && x.len() == n * width && width.is_multiple_of(head_size);
    assert!(is_whole, "rotate: x is not [n, heads * head_size]");
    if width == 0 {
        return;
    }
    let angles = cos.par_chunks(ROWS * half).zip(sin.par_chunks(ROWS * half));
    x.par_chunks_mut(ROWS * width).zip(angles).for_each(|(x, (cos, sin))| {
        vectorized!({
            let angles = cos.chunks_exact(half).zip(sin.chunks_exact(half));
            for (x, (cos, sin)) in x.chunks_exact_mut(width).zip(angles) {
                x.chunks_exact_mut(head_size).for_each(|head| turn(pairs, head, cos, sin));
            }
        });
    });
}

#[inline(always)]
fn turn(pairs: RotaryPairs, head: &mut [f32], cos: &[f32], sin: &[f32]) {
    let turned = |a: f32, b: f32, cos: f32, sin: f32| (a * cos - b * sin, b * cos + a * sin);
    match pairs {
        RotaryPairs::Halves => {
            let (first, second) = head.split_at_mut(cos.len());
            let angles = cos.iter().zip(sin);
            for ((a, b), (&cos, &sin)) in first.iter_mut().zip(second).zip(angles) {
                (*a, *b) = turned(*a, *b, cos, sin);
            }
        }
        RotaryPairs::Adjacent => {
            let angles = cos.iter().zip(sin);
            for ([a, b], (&cos, &sin)) in head.as_chunks_mut().0.iter_mut().zip(angles) {
                (*a, *b) = turned(*a, *b, cos, sin);
            }
        }
    }
}
