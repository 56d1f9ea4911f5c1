//! The position-wise network, and its activations.

use std::f64::consts::FRAC_2_PI;

use burn::module::Module;
use burn::tensor::{Tensor, activation};

use super::assembly::Assembly;
use super::config::MlpKind;
use super::context::Context;
use super::linear::{Before, Linear, adapter, linear};
use crate::ops;

/// The position-wise network: `c_fc`, an activation, `c_proj`.
#[derive(Module, Debug)]
pub struct Mlp {
    /// `[n_embd, n_inner]`, or `[n_embd, 2 * n_inner]` with the gate's columns first.
    pub c_fc: Linear,
    /// `[n_inner, n_embd]`.
    pub c_proj: Linear,
    #[module(skip)]
    pub(crate) kind: MlpKind,
}

impl Mlp {
    /// The network called `layer`.
    pub(crate) fn assemble<E>(parts: &mut Assembly<'_, E>, layer: &str) -> Result<Self, E> {
        Ok(Self {
            c_fc: parts.linear(&format!("{layer}.c_fc"))?,
            c_proj: parts.linear(&format!("{layer}.c_proj"))?,
            kind: parts.config.mlp,
        })
    }

    /// `activation(before(x) · c_fc) · c_proj`: `[batch, time, n_embd]` to the same shape.
    pub(crate) fn forward(
        &self,
        before: Before<'_>,
        x: Tensor<3>,
        context: &mut Context,
    ) -> Tensor<3> {
        if !self.is_fused() {
            return self.layers(before, x, context);
        }
        let x = before.apply(x);
        self.fused(&x, context).unwrap_or_else(|| self.layers(Before::Nothing, x, context))
    }

    /// One layer after the other.
    fn layers(&self, before: Before<'_>, x: Tensor<3>, context: &mut Context) -> Tensor<3> {
        // [batch, time, n_inner], twice that with a gate
        let hidden = linear(before, x, &self.c_fc, context);
        let hidden = match self.kind {
            MlpKind::GeluTanh => tanh_gelu(hidden),
            MlpKind::GeluExact => activation::gelu(hidden),
            MlpKind::Swiglu => return linear(Before::Swiglu, hidden, &self.c_proj, context),
            MlpKind::ReluSquared => activation::relu(hidden).square(),
        };
        linear(Before::Nothing, hidden, &self.c_proj, context)
    }

    /// True where one operation may do all: for GPT-2's layers without adapters.
    fn is_fused(&self) -> bool {
        let layers = [&self.c_fc, &self.c_proj];
        let is_plain = |layer: &&Linear| adapter(layer).is_none() && layer.frozen.is_none();
        self.kind == MlpKind::GeluTanh && layers.iter().all(is_plain)
    }

    /// All but the normalisation in one operation, where there is one.
    fn fused(&self, x: &Tensor<3>, context: &Context) -> Option<Tensor<3>> {
        let [c_fc, c_proj] = [&self.c_fc, &self.c_proj]
            .map(|layer| Some((layer.weight.base(), layer.bias.as_ref()?)));
        let [c_fc, c_proj] = [c_fc?, c_proj?].map(|(weight, bias)| (weight, bias.val()));
        ops::mlp(x, c_fc, c_proj, context.precision)
    }
}

/// GELU in its tanh form, `x · (1 + tanh(u)) / 2` with `u = √(2/π) · (x + 0.044715 x³)` ([Hendrycks and
/// Gimpel, 2016](https://arxiv.org/abs/1606.08415)).
///
/// Written as `x · sigmoid(2u)`, which is the same function: a profile of burn's own on a CPU showed
/// half of a small model's training step in tanh and powers.
pub(crate) fn tanh_gelu(x: Tensor<3>) -> Tensor<3> {
    if let Some(y) = ops::tanh_gelu(&x) {
        return y;
    }
    let u = (x.clone().square() * 0.044715 + 1.0) * x.clone() * FRAC_2_PI.sqrt();
    x * activation::sigmoid(u * 2.0)
}

/// `silu(gate) · up` of the two halves of `[batch, time, 2 * n_inner]`, with `silu(x) = x · sigmoid(x)`
/// ([Shazeer, 2020](https://arxiv.org/abs/2002.05202)).
pub(crate) fn swiglu(x: Tensor<3>) -> Tensor<3> {
    if let Some(y) = ops::swiglu(&x) {
        return y;
    }
    let n_inner = x.dims()[2] / 2;
    let (gate, up) = (x.clone().narrow(2, 0, n_inner), x.narrow(2, n_inner, n_inner));
    gate.clone() * activation::sigmoid(gate) * up
}
