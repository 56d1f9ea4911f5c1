//! Floats of 16 bits.

/// The value of an IEEE half, little-endian; every one is exact.
pub(super) fn f16(bytes: [u8; 2]) -> f32 {
    let half = u32::from(u16::from_le_bytes(bytes));
    let (sign, magnitude) = (half >> 15 << 31, (half & 0x7fff) << 13);
    // Exponent and fraction now lie where a 32-bit float has them; its exponent is counted from 127
    // instead of 15. The product is exact, for subnormal halves too.
    let value = f32::from_bits(magnitude) * f32::from_bits((127 + 127 - 15) << 23);
    let is_finite = magnitude < 0x7c00 << 13;
    let magnitude = if is_finite { value.to_bits() } else { 0x7f80_0000 | magnitude };
    f32::from_bits(sign | magnitude)
}

/// The IEEE half nearest to a value, of two the even one; infinite beyond the largest.
pub(super) fn to_f16(value: f32) -> [u8; 2] {
    const INFINITE: u32 = 0x7c00;
    /// The smallest normal half, 2⁻¹⁴, and the first power of two beyond the largest.
    const NORMAL: f32 = f32::from_bits((127 - 14) << 23);
    const BEYOND: f32 = f32::from_bits((127 + 16) << 23);
    let (sign, magnitude) = (value.to_bits() >> 31 << 15, value.abs());
    let half = if magnitude.is_nan() {
        INFINITE | 0x200
    } else if magnitude >= BEYOND {
        INFINITE
    } else if magnitude < NORMAL {
        // Beside 0.5, the last bit of a float is 2⁻²⁴, that of a subnormal half: the sum rounds.
        (magnitude + 0.5).to_bits() - 0.5_f32.to_bits()
    } else {
        // Half of the bits that go, less one where the last that stays is even, carries as rounding does.
        let bits = magnitude.to_bits() - ((127 - 15) << 23);
        (bits + 0xfff + (bits >> 13 & 1)) >> 13
    };
    ((sign | half) as u16).to_le_bytes()
}

/// The value of the upper half of a 32-bit float.
pub(super) fn bf16(bytes: [u8; 2]) -> f32 {
    f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16)
}

/// The upper half of the float nearest to a value, of two the even one; a NaN stays one.
pub(super) fn to_bf16(value: f32) -> [u8; 2] {
    let bits = value.to_bits();
    let rounded = if value.is_nan() { bits | 64 << 16 } else { bits + 0x7fff + (bits >> 16 & 1) };
    ((rounded >> 16) as u16).to_le_bytes()
}
