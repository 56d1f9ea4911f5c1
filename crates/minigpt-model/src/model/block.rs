//! One transformer block: pre-LayerNorm attention and multilayer perceptron on a residual stream.

use burn::module::{Module, Param};
use burn::nn::{Dropout, Linear};
use burn::tensor::{Bool, Tensor};

use crate::model::attention::{CausalSelfAttention, LayerCache};
use crate::ops::Precision;
use crate::ops::{self, Chances};

/// Layer normalisation over the last dimension ([Ba et al., 2016](https://arxiv.org/abs/1607.06450)),
/// with GPT-2's names for its two parameters.
#[derive(Module, Debug)]
pub struct LayerNorm {
    /// Scale, `[n_embd]`.
    pub weight: Param<Tensor<1>>,
    /// Shift, `[n_embd]`.
    pub bias: Param<Tensor<1>>,
}

impl LayerNorm {
    /// Normalises the last dimension of `x`: `[batch, time, n_embd]` to the same shape.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        ops::layer_norm(x, self.weight.val(), self.bias.val())
    }
}

/// The position-wise network: `c_fc`, GELU in its tanh form, `c_proj`.
#[derive(Module, Debug)]
pub struct Mlp {
    /// `[n_embd, n_inner]`.
    pub c_fc: Linear,
    /// `[n_inner, n_embd]`.
    pub c_proj: Linear,
    #[module(skip)]
    pub(crate) precision: Precision,
}

impl Mlp {
    /// `[batch, time, n_embd]` to the same shape.
    pub fn forward(&self, x: Tensor<3>, chances: &mut Chances) -> Tensor<3> {
        ops::mlp(x, &self.c_fc, &self.c_proj, self.precision, chances)
    }
}

/// A transformer block of GPT-2: `x + attn(ln_1(x))`, then `x + mlp(ln_2(x))`.
#[derive(Module, Debug)]
pub struct Block {
    /// Normalises the input of the attention.
    pub ln_1: LayerNorm,
    /// Mixes positions.
    pub attn: CausalSelfAttention,
    /// Normalises the input of the perceptron.
    pub ln_2: LayerNorm,
    /// Works on each position alone.
    pub mlp: Mlp,
    pub(crate) dropout: Dropout,
}

impl Block {
    /// `x` `[batch, time, n_embd]` to the same shape; each position sees itself and those before.
    pub fn forward(&self, x: Tensor<3>, chances: &mut Chances) -> Tensor<3> {
        self.around(x, chances, |x, chances| self.attn.forward(x, chances))
    }

    /// As [`forward`](Self::forward) for the positions after those in `cache`, which joins them.
    pub(crate) fn forward_cached(
        &self,
        x: Tensor<3>,
        mask: Option<Tensor<4, Bool>>,
        cache: &mut LayerCache,
    ) -> Tensor<3> {
        self.around(x, &mut Chances::none(), |x, _| self.attn.forward_cached(x, mask, cache))
    }

    /// As [`forward`](Self::forward), with the attention weights `[batch, n_head, time, time]`.
    pub(crate) fn forward_traced(
        &self,
        x: Tensor<3>,
        mask: Tensor<4, Bool>,
    ) -> (Tensor<3>, Tensor<4>) {
        let mut trace = None;
        let x = self.around(x, &mut Chances::none(), |x, _| {
            let (attended, weights) = self.attn.forward_traced(x, mask);
            trace = Some(weights);
            attended
        });
        (x, trace.expect("the attention was called"))
    }

    /// The block around whatever attends.
    fn around(
        &self,
        x: Tensor<3>,
        chances: &mut Chances,
        attend: impl FnOnce(Tensor<3>, &mut Chances) -> Tensor<3>,
    ) -> Tensor<3> {
        let attended = attend(self.ln_1.forward(x.clone()), chances);
        let x = ops::residual_dropout(x, attended, chances.next(&self.dropout));
        let thought = self.mlp.forward(self.ln_2.forward(x.clone()), chances);
        ops::residual_dropout(x, thought, chances.next(&self.dropout))
    }
}
