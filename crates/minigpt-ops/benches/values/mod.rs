//! What the operations are timed on.

/// Values in ±`size`.
pub(crate) fn values(length: usize, size: f32) -> Vec<f32> {
    let mut x = 1u32;
    let mut next = || {
        x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        size * ((x >> 8) as f32 / (1 << 23) as f32 - 1.0)
    };
    (0..length).map(|_| next()).collect()
}
