//! Floats of 16 bits, little-endian.

use half::slice::HalfFloatSliceExt;
use half::{bf16 as Bf16, f16 as F16};

/// Halves that are read together: processors have an instruction for eight.
const TOGETHER: usize = 64;

/// The value of an IEEE half; every one is exact.
pub(super) fn f16(bytes: [u8; 2]) -> f32 {
    F16::from_le_bytes(bytes).to_f32()
}

/// The values of IEEE halves one after the other.
pub(super) fn f16s(bytes: &[u8], values: &mut [f32]) {
    assert_eq!(bytes.len(), 2 * values.len(), "two bytes for each value");
    let mut halves = [F16::ZERO; TOGETHER];
    let parts = bytes.chunks(size_of_val(&halves)).zip(values.chunks_mut(TOGETHER));
    for (bytes, values) in parts {
        let halves = &mut halves[..values.len()];
        for (half, bytes) in halves.iter_mut().zip(bytes.as_chunks().0) {
            *half = F16::from_le_bytes(*bytes);
        }
        halves.convert_to_f32_slice(values);
    }
}

/// The IEEE half nearest to a value, of two the even one; infinite beyond the largest.
pub(super) fn to_f16(value: f32) -> [u8; 2] {
    F16::from_f32(value).to_le_bytes()
}

/// The value of the upper half of a 32-bit float.
pub(super) fn bf16(bytes: [u8; 2]) -> f32 {
    Bf16::from_le_bytes(bytes).to_f32()
}

/// The upper half of the float nearest to a value, of two the even one; a NaN stays one.
pub(super) fn to_bf16(value: f32) -> [u8; 2] {
    Bf16::from_f32(value).to_le_bytes()
}
