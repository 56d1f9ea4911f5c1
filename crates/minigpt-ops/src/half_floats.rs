//! Floats of 16 bits, widened and rounded. The crate `half` looks at the processor for each value, or branches, and no
//! loop of it is vectorised.

#[cfg(test)]
mod tests;

/// The value of the upper half of an `f32`.
#[inline(always)]
pub(crate) fn bf16(bytes: [u8; 2]) -> f32 {
    f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16)
}

/// The value of an IEEE half; every one is exact.
#[inline(always)]
pub(crate) fn f16(bytes: [u8; 2]) -> f32 {
    let half = u32::from(u16::from_le_bytes(bytes));
    let (sign, magnitude) = (half >> 15 << 31, (half & 0x7fff) << 13);
    // Exponent and fraction now lie where an `f32` has them; its exponent is counted from 127 instead of 15.
    // The product is exact, for subnormal halves too.
    let value = f32::from_bits(magnitude) * f32::from_bits((127 + 127 - 15) << 23);
    let is_finite = magnitude < 0x7c00 << 13;
    let magnitude = if is_finite { value.to_bits() } else { 0x7f80_0000 | magnitude };
    f32::from_bits(sign | magnitude)
}

/// The bits of the nearest upper half of an `f32`, ties to even; of what is beyond the largest, that one. NaN stays.
#[inline(always)]
pub(crate) fn to_bf16(value: f32) -> u16 {
    const LARGEST: f32 = f32::from_bits(0x7f7f_0000);
    let bits = value.clamp(-LARGEST, LARGEST).to_bits();
    let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
    let rounded = if value.is_nan() { 0x7fc0 } else { rounded };
    rounded as u16
}

/// The bits of the nearest IEEE half, ties to even; of what is beyond the largest, that one. NaN stays.
#[inline(always)]
pub(crate) fn to_f16(value: f32) -> u16 {
    const LARGEST: f32 = 65504.0;
    // Adding it shifts the bits of a subnormal half to the lowest of the sum, rounded.
    const SUBNORMAL: u32 = (127 - 15 + 23 - 10 + 1) << 23;
    let bits = value.clamp(-LARGEST, LARGEST).to_bits();
    let (sign, magnitude) = (bits >> 16 & 0x8000, bits & 0x7fff_ffff);
    let subnormal = (f32::from_bits(magnitude) + f32::from_bits(SUBNORMAL)).to_bits();
    // The exponent is counted from 15 instead of 127.
    let normal =
        magnitude.wrapping_sub((127 - 15) << 23).wrapping_add(0xfff + (magnitude >> 13 & 1));
    let is_normal = magnitude >= (127 - 14) << 23;
    let half = if is_normal { normal >> 13 } else { subnormal - SUBNORMAL };
    let half = if value.is_nan() { 0x7e00 } else { half };
    (sign | half) as u16
}
