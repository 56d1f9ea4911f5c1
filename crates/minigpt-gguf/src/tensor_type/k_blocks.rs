//! Blocks of 256 values in parts that have a scale each, which is itself a small integer times the block's.

use super::floats::f16;

/// Values of a block.
pub(super) const VALUES: usize = 256;

/// Bytes of a block: 16 pairs of scale and minimum, integers of 2 bits, their two scales.
pub(super) const Q2_K: usize = 16 + 64 + 2 + 2;
/// Bytes of a block: third bits, lower 2 bits, 16 scales of 6 bits, their scale.
pub(super) const Q3_K: usize = 32 + 64 + 12 + 2;
/// Bytes of a block: two scales, 8 pairs of scale and minimum of 6 bits, integers of 4 bits.
pub(super) const Q4_K: usize = 2 + 2 + 12 + 128;
/// Bytes of a block: two scales, 8 pairs of scale and minimum of 6 bits, fifth bits, lower 4 bits.
pub(super) const Q5_K: usize = 2 + 2 + 12 + 32 + 128;
/// Bytes of a block: lower 4 bits, upper 2 bits, 16 scales of 8 bits, their scale.
pub(super) const Q6_K: usize = 128 + 64 + 16 + 2;

type Values = [f32; VALUES];

pub(super) fn q2_k(block: &[u8; Q2_K], values: &mut Values) {
    let (parts, d, m) = (&block[..16], half_at(block, 80), half_at(block, 82));
    for (index, (part, values)) in parts.iter().zip(values.as_chunks_mut::<16>().0).enumerate() {
        let (scale, minimum) = (d * f32::from(part & 15), m * f32::from(part >> 4));
        for (value, q) in values.iter_mut().zip(two_bits(&block[16..80], index)) {
            *value = scale * f32::from(q) - minimum;
        }
    }
}

pub(super) fn q3_k(block: &[u8; Q3_K], values: &mut Values) {
    let (thirds, scales, d) = (&block[..32], &block[96..108], half_at(block, 108));
    for (index, values) in values.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let low = scales[index % 8] >> (index / 8 * 4) & 15;
        let high = scales[8 + index % 4] >> (index / 4 * 2) & 3;
        let scale = d * (f32::from(low | high << 4) - 32.0);
        // A bit of each third byte for each 32 values; where it is clear, 4 is taken away.
        let thirds = thirds[index % 2 * 16..].iter().map(|third| third >> (index / 2) & 1);
        let low = two_bits(&block[32..96], index);
        for (value, (low, third)) in values.iter_mut().zip(low.zip(thirds)) {
            *value = scale * (f32::from(low | third << 2) - 4.0);
        }
    }
}

pub(super) fn q4_k(block: &[u8; Q4_K], values: &mut Values) {
    let (d, m) = (half_at(block, 0), half_at(block, 2));
    for (index, values) in values.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (scale, minimum) = scale_and_minimum(&block[4..16], index);
        let (scale, minimum) = (d * scale, m * minimum);
        for (value, q) in values.iter_mut().zip(four_bits(&block[16..], index)) {
            *value = scale * f32::from(q) - minimum;
        }
    }
}

pub(super) fn q5_k(block: &[u8; Q5_K], values: &mut Values) {
    let (d, m) = (half_at(block, 0), half_at(block, 2));
    for (index, values) in values.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (scale, minimum) = scale_and_minimum(&block[4..16], index);
        let (scale, minimum) = (d * scale, m * minimum);
        let fifths = block[16..48].iter().map(|fifth| fifth >> index & 1);
        let low = four_bits(&block[48..], index);
        for (value, (low, fifth)) in values.iter_mut().zip(low.zip(fifths)) {
            *value = scale * f32::from(low | fifth << 4) - minimum;
        }
    }
}

pub(super) fn q6_k(block: &[u8; Q6_K], values: &mut Values) {
    let (scales, d) = (&block[192..208], half_at(block, 208));
    for (index, values) in values.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let scale = d * f32::from(scales[index].cast_signed());
        // 64 bytes for each 128 values: the lower halves are the first 64 of them, the upper the others.
        let low = &block[index / 8 * 64 + index % 4 * 16..];
        let low = low.iter().map(|byte| byte >> (index / 4 % 2 * 4) & 15);
        let high = two_bits(&block[128..192], index);
        for (value, (low, high)) in values.iter_mut().zip(low.zip(high)) {
            *value = scale * (f32::from(low | high << 4) - 32.0);
        }
    }
}

/// The half at this byte.
fn half_at(block: &[u8], at: usize) -> f32 {
    f16([block[at], block[at + 1]])
}

/// Two bits for each of 16 values, the part `index` of the block: 32 bytes have 128 values, of which the
/// first 32 are their lowest bits.
fn two_bits(bytes: &[u8], index: usize) -> impl Iterator<Item = u8> {
    let bytes = &bytes[index / 8 * 32 + index % 2 * 16..][..16];
    bytes.iter().map(move |byte| byte >> (index / 2 % 4 * 2) & 3)
}

/// Four bits for each of 32 values, the part `index` of the block: 32 bytes have 64 values, of which the
/// first 32 are their lower halves.
fn four_bits(bytes: &[u8], index: usize) -> impl Iterator<Item = u8> {
    let bytes = &bytes[index / 2 * 32..][..32];
    bytes.iter().map(move |byte| byte >> (index % 2 * 4) & 15)
}

/// Scale and minimum, of 6 bits each, of part `index` of 8: the first four lie in bytes of their own, whose
/// upper two bits complete the halves that the other four have in the last four bytes.
fn scale_and_minimum(packed: &[u8], index: usize) -> (f32, f32) {
    let (first, second) = (packed[index % 4], packed[index % 4 + 4]);
    if index < 4 {
        return (f32::from(first & 63), f32::from(second & 63));
    }
    let halves = packed[index % 4 + 8];
    let scale = halves & 15 | first >> 6 << 4;
    let minimum = halves >> 4 | second >> 6 << 4;
    (f32::from(scale), f32::from(minimum))
}
