//! What a branch adds to the residual stream.

use rayon::prelude::*;

use crate::Dropout;
use crate::blocks::ELEMENTS;
use crate::simd::{add, vectorized};

/// `y = x + dropout(a)`, any shape. The gradient of `x` is that of `y`, the one of `a` its [`dropout`](crate::dropout()).
///
/// # Panics
///
/// If the lengths differ.
pub fn residual_dropout(x: &[f32], a: &[f32], dropout: Dropout, y: &mut [f32]) {
    assert!(x.len() == y.len() && a.len() == y.len(), "residual_dropout: lengths differ");
    let chunks = y.par_chunks_mut(ELEMENTS).zip(x.par_chunks(ELEMENTS).zip(a.par_chunks(ELEMENTS)));
    chunks.enumerate().for_each(|(chunk, (y, (x, a)))| {
        vectorized!(add_chunk(x, a, dropout, chunk * ELEMENTS, y));
    });
}

/// `x += branch`, any shape: [`residual_dropout`] in place, where nothing is dropped.
///
/// # Panics
///
/// If the lengths differ.
pub fn add_branch(x: &mut [f32], branch: &[f32]) {
    assert_eq!(x.len(), branch.len(), "add_branch: lengths differ");
    let chunks = x.par_chunks_mut(ELEMENTS).zip(branch.par_chunks(ELEMENTS));
    chunks.for_each(|(x, branch)| vectorized!(add(x, branch)));
}

#[inline(always)]
fn add_chunk(x: &[f32], a: &[f32], dropout: Dropout, first: usize, y: &mut [f32]) {
    for (i, (y, (&x, &a))) in (first as u32..).zip(y.iter_mut().zip(x.iter().zip(a))) {
        *y = a.mul_add(dropout.multiplier(i), x);
    }
}
