//! Blocks of 32 values with one scale.

use super::floats::f16;

/// Values of a block.
pub(super) const VALUES: usize = 32;

/// Bytes of a block: scale, integers of 8 bits.
pub(super) const Q8_0: usize = 2 + 32;
/// Bytes of a block: scale, integers of 4 bits.
pub(super) const Q4_0: usize = 2 + 16;
/// Bytes of a block: scale, minimum, integers of 4 bits.
pub(super) const Q4_1: usize = 2 + 2 + 16;
/// Bytes of a block: scale, fifth bits, lower 4 bits.
pub(super) const Q5_0: usize = 2 + 4 + 16;
/// Bytes of a block: scale, minimum, fifth bits, lower 4 bits.
pub(super) const Q5_1: usize = 2 + 2 + 4 + 16;

type Values = [f32; VALUES];

pub(super) fn q8_0([d0, d1, integers @ ..]: &[u8; Q8_0], values: &mut Values) {
    let d = f16([*d0, *d1]);
    for (value, q) in values.iter_mut().zip(integers) {
        *value = f32::from(q.cast_signed()) * d;
    }
}

pub(super) fn q4_0([d0, d1, nibbles @ ..]: &[u8; Q4_0], values: &mut Values) {
    let d = f16([*d0, *d1]);
    for (value, q) in values.iter_mut().zip(lower_then_upper(nibbles)) {
        *value = d * (f32::from(q) - 8.0);
    }
}

pub(super) fn q4_1([d0, d1, m0, m1, nibbles @ ..]: &[u8; Q4_1], values: &mut Values) {
    let (d, m) = (f16([*d0, *d1]), f16([*m0, *m1]));
    for (value, q) in values.iter_mut().zip(lower_then_upper(nibbles)) {
        *value = d * f32::from(q) + m;
    }
}

pub(super) fn q5_0([d0, d1, h0, h1, h2, h3, nibbles @ ..]: &[u8; Q5_0], values: &mut Values) {
    let d = f16([*d0, *d1]);
    let fifth = u32::from_le_bytes([*h0, *h1, *h2, *h3]);
    for (index, (value, low)) in values.iter_mut().zip(lower_then_upper(nibbles)).enumerate() {
        *value = d * (with_fifth(low, fifth, index) - 16.0);
    }
}

pub(super) fn q5_1(
    [d0, d1, m0, m1, h0, h1, h2, h3, nibbles @ ..]: &[u8; Q5_1],
    values: &mut Values,
) {
    let (d, m) = (f16([*d0, *d1]), f16([*m0, *m1]));
    let fifth = u32::from_le_bytes([*h0, *h1, *h2, *h3]);
    for (index, (value, low)) in values.iter_mut().zip(lower_then_upper(nibbles)).enumerate() {
        *value = d * with_fifth(low, fifth, index) + m;
    }
}

/// The lower halves of all bytes, then the upper ones.
fn lower_then_upper(bytes: &[u8; 16]) -> impl Iterator<Item = u8> {
    bytes.iter().map(|byte| byte & 15).chain(bytes.iter().map(|byte| byte >> 4))
}

/// Four bits, with the bit `index` of `fifth` before them.
fn with_fifth(low: u8, fifth: u32, index: usize) -> f32 {
    f32::from(low | ((fifth >> index & 1) as u8) << 4)
}
