//! Blocks of values, rounded as the reference code of
//! [ggml-quants.c](https://github.com/ggml-org/ggml/blob/master/src/ggml-quants.c) does it.

use super::floats;
use super::legacy_blocks::{Q4_0, Q4_1, Q8_0, VALUES};

type Values = [f32; VALUES];

/// Appends the block of each `VALUES` values. The error is a value that does not fit.
pub(super) fn each<const VALUES: usize, const BYTES: usize>(
    values: &[f32],
    blocks: &mut Vec<u8>,
    block: impl Fn(&[f32; VALUES]) -> Option<[u8; BYTES]>,
) -> Result<(), f32> {
    let (chunks, partial) = values.as_chunks();
    assert!(partial.is_empty(), "whole blocks");
    blocks.reserve(chunks.len() * BYTES);
    for values in chunks {
        blocks.extend(block(values).ok_or_else(|| worst(values))?);
    }
    Ok(())
}

/// The value that most probably did not fit: one that is NaN, or the largest.
fn worst(values: &[f32]) -> f32 {
    let nan = values.iter().find(|value| value.is_nan());
    nan.copied().unwrap_or_else(|| furthest(values))
}

/// A value and its half, if a finite value has a finite one.
pub(super) fn f16([value]: &[f32; 1]) -> Option<[u8; 2]> {
    let half = floats::to_f16(*value);
    (floats::f16(half).is_finite() || !value.is_finite()).then_some(half)
}

/// A value and its upper half, if a finite value has a finite one.
pub(super) fn bf16([value]: &[f32; 1]) -> Option<[u8; 2]> {
    let half = floats::to_bf16(*value);
    (floats::bf16(half).is_finite() || !value.is_finite()).then_some(half)
}

/// `d` is the largest magnitude over 127.
pub(super) fn q8_0(values: &Values) -> Option<[u8; Q8_0]> {
    let d = furthest(values).abs() / 127.0;
    let inverse = inverse(d);
    let mut block = [0; Q8_0];
    block[..2].copy_from_slice(&scale(d, values)?);
    for (q, value) in block[2..].iter_mut().zip(values) {
        *q = ((value * inverse).round() as i8).cast_unsigned();
    }
    Some(block)
}

/// `d` is the value furthest from zero over −8, so that it has an integer of its own.
pub(super) fn q4_0(values: &Values) -> Option<[u8; Q4_0]> {
    let d = furthest(values) / -8.0;
    let inverse = inverse(d);
    let mut block = [0; Q4_0];
    block[..2].copy_from_slice(&scale(d, values)?);
    block[2..].copy_from_slice(&nibbles(values, |value| value * inverse + 8.5));
    Some(block)
}

/// `d` is the range over 15, `m` the smallest value.
pub(super) fn q4_1(values: &Values) -> Option<[u8; Q4_1]> {
    let smallest = values.iter().copied().fold(f32::INFINITY, f32::min);
    let largest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let d = (largest - smallest) / 15.0;
    let inverse = inverse(d);
    let mut block = [0; Q4_1];
    block[..2].copy_from_slice(&scale(d, values)?);
    block[2..4].copy_from_slice(&scale(smallest, values)?);
    block[4..].copy_from_slice(&nibbles(values, |value| (value - smallest) * inverse + 0.5));
    Some(block)
}

/// The first value of the largest magnitude.
fn furthest(values: &[f32]) -> f32 {
    let further = |a: f32, b: f32| if b.abs() > a.abs() { b } else { a };
    values.iter().copied().fold(0.0, further)
}

fn inverse(d: f32) -> f32 {
    if d == 0.0 { 0.0 } else { 1.0 / d }
}

/// The half of a scale, where it and all values are finite.
fn scale(scale: f32, values: &Values) -> Option<[u8; 2]> {
    let half = floats::to_f16(scale);
    let fits = floats::f16(half).is_finite() && values.iter().all(|value| value.is_finite());
    fits.then_some(half)
}

/// Integers from 0 to 15, cut off and not rounded: the first 16 are the lower halves of the bytes, the others
/// the upper ones.
fn nibbles(values: &Values, integer: impl Fn(f32) -> f32) -> [u8; 16] {
    let nibble = |index: usize| (integer(values[index]) as u8).min(15);
    std::array::from_fn(|index| nibble(index) | nibble(index + 16) << 4)
}
