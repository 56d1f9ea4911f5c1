//! What matrix products are computed in.

/// The numbers that a matrix product multiplies. Its sums are `f32` always, and so is everything else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// `f32`.
    #[default]
    F32,
    /// bfloat16: operands are rounded to 8 bits of precision with the range of `f32`. Products are in `f32`
    /// where the processor [lacks](Self::is_native) the instructions.
    Bf16,
}

impl Precision {
    /// True where this processor multiplies such numbers: for bfloat16, one with AVX512-BF16.
    #[must_use]
    pub fn is_native(self) -> bool {
        match self {
            Self::F32 => true,
            #[cfg(target_arch = "x86_64")]
            Self::Bf16 => {
                is_x86_feature_detected!("avx512bf16")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512f")
            }
            #[cfg(not(target_arch = "x86_64"))]
            Self::Bf16 => false,
        }
    }
}
