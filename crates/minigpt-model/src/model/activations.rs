//! Saved activations: what the forward pass of a block saves for its backward pass, most of training's memory.

#[cfg(test)]
mod tests;

use super::config::{BiasConfig, GptConfig, MlpKind, NormKind, Position};
use crate::ops::{Kernels, Precision};

impl GptConfig {
    /// Numbers of 32 bits that a block saves per token of a whole context for its backward pass, where `kernels` run and
    /// products are in `precision`: what the processor rounds to 16 bits is half as many.
    ///
    /// Left out is what there is one or two of for a vector or a head. The result is wide, because valid sizes can
    /// multiply to more than any memory has.
    #[must_use]
    pub fn saved_activations_per_block(&self, kernels: Kernels, precision: Precision) -> u128 {
        let saved = self.saved_numbers_per_block(kernels);
        let is_rounded = self.is_lean(kernels) && self.is_grouped() && self.mlp == MlpKind::Swiglu;
        match is_rounded && precision.rounds_on_processors() {
            true => saved.div_ceil(2),
            false => saved,
        }
    }

    fn saved_numbers_per_block(&self, kernels: Kernels) -> u128 {
        let norm = match self.is_lean(kernels) {
            // The layer after it makes again what it gives.
            true => size(self.n_embd),
            false => saved_by_norm(self.norm.kind, kernels, size(self.n_embd)),
        };
        2 * norm + self.saved_by_attention(kernels) + self.saved_by_mlp(kernels)
    }

    /// True where a layer and what comes before it are one operation, which saves what goes into it alone.
    fn is_lean(&self, kernels: Kernels) -> bool {
        let is_plain = self.norm.kind == NormKind::RmsNorm && self.bias == BiasConfig::NONE;
        kernels == Kernels::Cpu && is_plain
    }

    /// What of it is saved between the projections of attention: the first saves what it gets, which the normalisation
    /// gave.
    #[must_use]
    pub fn saved_by_attention(&self, kernels: Kernels) -> u128 {
        let width = |heads: usize| size(heads) * size(self.head_size());
        let (queries, keys) = (width(self.n_head), width(self.n_kv_head()));
        let is_grouped = self.is_grouped();
        let norms = match self.qk_norm {
            // Part of the operation that turns and repeats them.
            true if is_grouped && kernels == Kernels::Cpu => 0,
            // What it gives is not saved: turned, or side by side with the values, it is copied.
            true => saved_by_norm(self.norm.kind, kernels, queries + keys) - queries - keys,
            false => 0,
        };
        let attended = match kernels {
            // Turned and repeated once more on the way back.
            Kernels::Cpu if is_grouped => queries + 2 * keys,
            // Keys and values are repeated for each query of their group; rotation saves nothing.
            _ => 3 * queries,
        };
        let mixed = queries;
        let maps = match kernels {
            Kernels::Cpu | Kernels::Gpu => 0,
            // Scores, masked, exponentials, weights, what is dropped, and what is left.
            Kernels::Plain => 6 * size(self.n_head) * size(self.block_size),
        };
        // Fitted to peaks of processes: masks of dropout, and copies that are made of parts of a tensor.
        let rest = match kernels {
            Kernels::Cpu | Kernels::Gpu => 0,
            Kernels::Plain => 12 * size(self.n_embd),
        };
        norms + attended + mixed + maps + rest
    }

    /// True where turning, norms of heads and repeating for a group are part of attention on processors.
    fn is_grouped(&self) -> bool {
        let is_root_mean_square = self.norm.kind == NormKind::RmsNorm && !self.bias.norm;
        matches!(self.position, Position::Rotary(_))
            && (!self.qk_norm || is_root_mean_square)
            && !self.scale_attn_by_inverse_layer_idx
    }

    /// From what the first matrix gives to what the second one gets.
    fn saved_by_mlp(&self, kernels: Kernels) -> u128 {
        let vectors = match (self.mlp, kernels) {
            // All of it in one operation, which computes GELU again.
            (MlpKind::GeluTanh, Kernels::Cpu) if self.bias.mlp => 1,
            (MlpKind::GeluTanh, Kernels::Cpu | Kernels::Gpu) | (MlpKind::GeluExact, _) => 2,
            (MlpKind::GeluTanh, Kernels::Plain) => 5,
            (MlpKind::ReluSquared, _) => 3,
            // Gate and rest.
            (MlpKind::Swiglu, Kernels::Cpu) if self.is_lean(kernels) => 2,
            // Gate, rest and their product; by burn's operations also sigmoid(gate) and silu(gate).
            (MlpKind::Swiglu, Kernels::Cpu) => 3,
            (MlpKind::Swiglu, Kernels::Gpu | Kernels::Plain) => 5,
        };
        vectors * size(self.n_inner)
    }
}

/// What goes into a normalisation, what comes out and what is saved between, for vectors of total width `width`.
fn saved_by_norm(kind: NormKind, kernels: Kernels, width: u128) -> u128 {
    let vectors = match (kind, kernels) {
        (_, Kernels::Cpu) | (NormKind::LayerNorm, Kernels::Gpu) => 2,
        // Normalised and not yet scaled.
        (NormKind::RmsNorm, Kernels::Gpu) | (_, Kernels::Plain) => 3,
    };
    vectors * width
}

fn size(n: usize) -> u128 {
    n as u128
}
