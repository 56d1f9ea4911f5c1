//! One transformer block.

use burn::module::Module;
use burn::nn::{Dropout, DropoutConfig};
use burn::tensor::{Bool, Tensor};

use super::assembly::Assembly;
use super::attention::{CausalSelfAttention, LayerCache};
use super::context::Context;
use super::layer::Before;
use super::linear::Linear;
use super::mlp::Mlp;
use super::norm::Norm;
use crate::ops;

/// A transformer block of GPT-2: `x + attn(ln_1(x))`, then `x + mlp(ln_2(x))`.
#[derive(Module, Debug)]
pub struct Block {
    /// Normalises the input of the attention.
    pub ln_1: Norm,
    /// Mixes positions.
    pub attn: CausalSelfAttention,
    /// Normalises the input of the perceptron.
    pub ln_2: Norm,
    /// Works on each position alone.
    pub mlp: Mlp,
    pub(crate) dropout: Dropout,
}

impl Block {
    /// Block `index`.
    pub(crate) fn assemble<E>(parts: &mut Assembly<'_, E>, index: usize) -> Result<Self, E> {
        let name = |part: &str| format!("h.{index}.{part}");
        Ok(Self {
            ln_1: Norm::assemble(parts, &name("ln_1"))?,
            attn: CausalSelfAttention::assemble(parts, index)?,
            ln_2: Norm::assemble(parts, &name("ln_2"))?,
            mlp: Mlp::assemble(parts, &name("mlp"))?,
            dropout: DropoutConfig::new(parts.config.resid_pdrop).init(),
        })
    }

    /// `x` `[batch, time, n_embd]` to the same shape; each position sees itself and those before.
    pub(crate) fn forward(&self, x: Tensor<3>, context: &mut Context) -> Tensor<3> {
        let x =
            self.add(x.clone(), self.attn.forward(Before::Norm(&self.ln_1), x, context), context);
        self.add(x.clone(), self.mlp.forward(Before::Norm(&self.ln_2), x, context), context)
    }

    /// As [`forward`](Self::forward) for the positions after those in `cache`, which joins them.
    pub(crate) fn forward_cached(
        &self,
        x: Tensor<3>,
        mask: Option<Tensor<4, Bool>>,
        cache: &mut LayerCache,
        context: &mut Context,
    ) -> Tensor<3> {
        let attended = self.attn.forward_cached(self.ln_1.forward(x.clone()), mask, cache, context);
        let x = self.add(x, attended, context);
        self.add(x.clone(), self.mlp.forward(Before::Norm(&self.ln_2), x, context), context)
    }

    /// As [`forward`](Self::forward), with the attention weights `[batch, n_head, time, time]`.
    pub(crate) fn forward_traced(
        &self,
        x: Tensor<3>,
        context: &mut Context,
    ) -> (Tensor<3>, Tensor<4>) {
        let (attended, weights) = self.attn.forward_traced(self.ln_1.forward(x.clone()), context);
        let x = self.add(x, attended, context);
        let mlp = self.mlp.forward(Before::Norm(&self.ln_2), x.clone(), context);
        (self.add(x, mlp, context), weights)
    }

    /// The layers with a matrix each, in the order of the table of parameters.
    pub(crate) fn matrices(&self) -> [&Linear; 4] {
        [&self.attn.c_attn, &self.attn.c_proj, &self.mlp.c_fc, &self.mlp.c_proj]
    }

    /// `x + dropout(branch)`.
    fn add(&self, x: Tensor<3>, branch: Tensor<3>, context: &mut Context) -> Tensor<3> {
        ops::residual(x, branch, context.dropout.next(&self.dropout))
    }
}
