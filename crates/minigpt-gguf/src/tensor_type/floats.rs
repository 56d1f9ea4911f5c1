//! Floats of 16 bits, little-endian.

use half::{bf16 as Bf16, f16 as F16};

/// The value of an IEEE half; every one is exact.
pub(super) fn f16(bytes: [u8; 2]) -> f32 {
    F16::from_le_bytes(bytes).to_f32()
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
