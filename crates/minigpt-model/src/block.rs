//! One transformer block: pre-LayerNorm attention and multilayer perceptron on a residual stream.

use std::f64::consts::FRAC_2_PI;

use burn::module::{Module, Param};
use burn::nn::{Dropout, Linear};
use burn::tensor::{Bool, Tensor, activation};

use crate::attention::{CausalSelfAttention, LayerCache};

/// Added to the variance in every LayerNorm, GPT-2's value.
const LAYER_NORM_EPSILON: f64 = 1e-5;

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
        let centred = x.clone() - x.mean_dim(2);
        let variance = centred.clone().square().mean_dim(2);
        let normal = centred / (variance + LAYER_NORM_EPSILON).sqrt();
        normal * self.weight.val().unsqueeze() + self.bias.val().unsqueeze()
    }
}

/// The position-wise network: `c_fc`, GELU in its tanh form, `c_proj`.
#[derive(Module, Debug)]
pub struct Mlp {
    /// `[n_embd, n_inner]`.
    pub c_fc: Linear,
    /// `[n_inner, n_embd]`.
    pub c_proj: Linear,
}

impl Mlp {
    /// `[batch, time, n_embd]` to the same shape.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.c_proj.forward(gelu(self.c_fc.forward(x)))
    }
}

/// GELU in its tanh form ([Hendrycks and Gimpel, 2016](https://arxiv.org/abs/1606.08415)),
/// `x · (1 + tanh(u)) / 2` with `u = √(2/π) · (x + 0.044715 x³)`, any shape.
///
/// Written as `x · sigmoid(2u)`, which is the same function: a profile of burn's own on a CPU showed
/// half of a small model's training step in tanh and powers.
fn gelu(x: Tensor<3>) -> Tensor<3> {
    let u = (x.clone().square() * 0.044715 + 1.0) * x.clone() * FRAC_2_PI.sqrt();
    x * activation::sigmoid(u * 2.0)
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
    /// `x` `[batch, time, n_embd]` and the causal mask `[1, 1, time, time]` to the shape of `x`.
    pub fn forward(&self, x: Tensor<3>, mask: Tensor<4, Bool>) -> Tensor<3> {
        self.around(x, |x| self.attn.forward(x, mask))
    }

    /// As [`forward`](Self::forward) for the positions after those in `cache`, which joins them.
    pub(crate) fn forward_cached(
        &self,
        x: Tensor<3>,
        mask: Option<Tensor<4, Bool>>,
        cache: &mut LayerCache,
    ) -> Tensor<3> {
        self.around(x, |x| self.attn.forward_cached(x, mask, cache))
    }

    /// As [`forward`](Self::forward), with the attention weights `[batch, n_head, time, time]`.
    pub(crate) fn forward_traced(
        &self,
        x: Tensor<3>,
        mask: Tensor<4, Bool>,
    ) -> (Tensor<3>, Tensor<4>) {
        let mut trace = None;
        let x = self.around(x, |x| {
            let (attended, weights) = self.attn.forward_traced(x, mask);
            trace = Some(weights);
            attended
        });
        (x, trace.expect("the attention was called"))
    }

    /// The block around whatever attends.
    fn around(&self, x: Tensor<3>, attend: impl FnOnce(Tensor<3>) -> Tensor<3>) -> Tensor<3> {
        let attended = attend(self.ln_1.forward(x.clone()));
        let x = x + self.dropout.forward(attended);
        let thought = self.mlp.forward(self.ln_2.forward(x.clone()));
        x + self.dropout.forward(thought)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn gelu_and_its_gradient_equal_burns() {
        let device = Device::flex().autodiff();
        let x = Tensor::<1>::from_floats([-90.0, -12.0, -3.0, -0.7, 0.0, 0.1, 2.5, 30.0], &device);
        let x: Tensor<3> = x.reshape([1, 2, 4]).require_grad();
        let gradient = |y: Tensor<3>| x.grad(&y.sum().backward()).unwrap();
        let (ours, burns) = (gelu(x.clone()), activation::gelu_approximate(x.clone()));
        assert!(ours.clone().all_close(burns.clone(), Some(1e-5), Some(1e-6)));
        assert!(gradient(ours).all_close(gradient(burns), Some(1e-4), Some(1e-5)));
    }
}
