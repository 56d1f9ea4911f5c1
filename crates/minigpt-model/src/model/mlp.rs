//! The position-wise network.

use burn::module::Module;
use burn::tensor::{Tensor, activation};

use super::activation::tanh_gelu;
use super::assembly::Assembly;
use super::config::MlpKind;
use super::context::Context;
use super::layer::{Before, linear};
use super::linear::{Linear, adapter};
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
