//! Which instructions a block is read with. All give the same bits.

use super::key_values::{CacheType, Numbers};
use super::partial::{Block, Partial, Query};
#[cfg(target_arch = "x86_64")]
use super::widen::{Avx512, F16c};
use super::widen::{Exact, Formula, UpperHalf, Widen};
use crate::simd::vectorized;

/// Instructions that a block is read with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Body {
    /// What the compiler makes of the formula, for the best vectors of the processor.
    Portable,
    /// AVX2, with F16C's conversion of halves.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512, with its own.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Body {
    /// Those that this processor has, the fastest last.
    pub(super) fn all() -> impl DoubleEndedIterator<Item = Self> {
        let all = [
            (true, Self::Portable),
            #[cfg(target_arch = "x86_64")]
            (has_avx2(), Self::Avx2),
            #[cfg(target_arch = "x86_64")]
            (is_x86_feature_detected!("avx512f") && has_avx2(), Self::Avx512),
        ];
        all.into_iter().filter_map(|(is_available, body)| is_available.then_some(body))
    }

    pub(super) fn best() -> Self {
        Self::all().next_back().unwrap_or(Self::Portable)
    }

    /// What queries make of a block.
    pub(super) fn run(self, block: &Block, queries: &[Query], scale: f32) -> Partial {
        match self {
            Self::Portable => vectorized!(run::<Formula>(block, queries, scale)),
            // SAFETY: the processor has the instructions, or there would be no such body.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { on_avx2(block, queries, scale) },
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => unsafe { on_avx512(block, queries, scale) },
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    let has_vectors = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    has_vectors && is_x86_feature_detected!("f16c")
}

#[inline(always)]
fn run<Half: Widen<u16>>(block: &Block, queries: &[Query], scale: f32) -> Partial {
    match (block.cache.numbers(), block.cache.cache_type()) {
        (Numbers::Wide(panels), _) => {
            Partial::of_block::<f32, Exact>(block, panels, queries, scale)
        }
        (Numbers::Half(panels), CacheType::Bf16) => {
            Partial::of_block::<u16, UpperHalf>(block, panels, queries, scale)
        }
        (Numbers::Half(panels), _) => Partial::of_block::<u16, Half>(block, panels, queries, scale),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
fn on_avx2(block: &Block, queries: &[Query], scale: f32) -> Partial {
    run::<F16c>(block, queries, scale)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx2,fma,f16c")]
fn on_avx512(block: &Block, queries: &[Query], scale: f32) -> Partial {
    run::<Avx512>(block, queries, scale)
}
