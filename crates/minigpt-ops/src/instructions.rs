//! Which instructions the kernels of this crate use here.

use crate::precision::Precision;
use crate::{cached_attention, quantized, simd};

/// Which instructions the kernels of this crate use on this processor, by what they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instructions {
    /// Training's loops over vectors, and products in `f32`.
    pub vectors: &'static str,
    /// Products in bfloat16, where the processor has any.
    pub bf16: Option<&'static str>,
    /// Products with weights of 8 and 4 bits.
    pub quantized: &'static str,
    /// Attention to kept keys and values.
    pub attention: &'static str,
}

impl Instructions {
    /// Those of this processor.
    #[must_use]
    pub fn detect() -> Self {
        Self {
            vectors: simd::instructions(),
            bf16: Precision::Bf16.is_native().then_some("AVX512-BF16"),
            quantized: quantized::instructions(),
            attention: cached_attention::instructions(),
        }
    }
}

#[cfg(test)]
mod tests;
