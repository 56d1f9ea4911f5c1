//! Linear layers, and the adapters that may stand beside their matrices.

use burn::module::{Module, Param, Reparameterization};
use burn::nn::{Dropout, Linear};
use burn::tensor::Tensor;

use super::context::Context;
use crate::ops;

/// The factors beside one matrix `W` `[from, to]`: the layer gives `x · W + scale · dropout(x) · a · b`
/// ([Hu et al., 2021](https://arxiv.org/abs/2106.09685)).
///
/// burn's own `LoraAdapter` has no dropout, and folds the factors into a whole matrix at every step, whose
/// gradient is then whole too. As a [`Reparameterization`] of burn's this one is part of records, optimisers
/// and devices in the same way, and `materialize` merges it.
#[derive(Module, Debug)]
pub(crate) struct LowRank {
    /// `[from, rank]`.
    pub(crate) a: Param<Tensor<2>>,
    /// `[rank, to]`. One of the two is zero at first: a fresh adapter changes nothing.
    pub(crate) b: Param<Tensor<2>>,
    pub(crate) scale: f64,
    pub(crate) dropout: Dropout,
}

impl Reparameterization for LowRank {
    const NAME: &'static str = "lora";

    fn apply<const D: usize>(&self, base: Tensor<D>) -> Tensor<D> {
        let delta = self.a.val().matmul(self.b.val()).mul_scalar(self.scale);
        let shape = base.shape();
        base + delta.reshape(shape)
    }
}

/// The adapter beside a layer's matrix.
pub(crate) fn adapter(layer: &Linear) -> Option<&LowRank> {
    layer.weight.reparameterization()
}

/// `x · weight + bias`, and what an [adapter](LowRank) of the weight adds: `[batch, time, from]` to
/// `[batch, time, to]`.
pub(crate) fn linear(x: Tensor<3>, layer: &Linear, context: &mut Context) -> Tensor<3> {
    let (weight, bias) = (layer.weight.base(), layer.bias.as_ref().map(|bias| bias.val()));
    let precision = context.precision;
    let Some(adapter) = adapter(layer) else { return ops::linear(x, weight, bias, precision) };
    let dropout = context.dropout.next(&adapter.dropout);
    let [a, b] = [&adapter.a, &adapter.b].map(|factor| factor.val());
    let added = ops::low_rank(x.clone(), a, b, adapter.scale, dropout);
    ops::residual(ops::linear(x, weight, bias, precision), added, ops::DropoutMask::Off)
}
