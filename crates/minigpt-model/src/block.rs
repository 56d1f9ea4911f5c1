//! One transformer block: pre-LayerNorm attention and multilayer perceptron on a residual stream.

use std::f64::consts::FRAC_2_PI;

use burn::module::{Module, Param};
use burn::nn::{Dropout, Linear};
use burn::tensor::{Bool, Device, Tensor, activation};

/// Added to the variance in every LayerNorm, GPT-2's value.
const LAYER_NORM_EPSILON: f64 = 1e-5;

/// Stands for minus infinity in masked scores: its exponential is exactly zero in `f32`, and
/// unlike infinity it can be written as a literal in every shader language.
const MASKED_SCORE: f32 = -1e9;

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

/// Causal multi-head self-attention with one fused projection for queries, keys and values.
#[derive(Module, Debug)]
pub struct CausalSelfAttention {
    /// Queries, keys and values side by side, `[n_embd, 3 * n_embd]`.
    pub c_attn: Linear,
    /// Projection back onto the residual stream, `[n_embd, n_embd]`.
    pub c_proj: Linear,
    pub(crate) dropout: Dropout,
    pub(crate) n_head: usize,
}

impl CausalSelfAttention {
    /// `x` `[batch, time, n_embd]` and the causal mask `[1, 1, time, time]` to
    /// `[batch, time, n_embd]`.
    pub fn forward(&self, x: Tensor<3>, mask: Tensor<4, Bool>) -> Tensor<3> {
        let [batch, time, n_embd] = x.dims();
        let head_size = n_embd / self.n_head;

        let qkv = self.c_attn.forward(x); // [batch, time, 3 * n_embd]
        let heads = |part: usize| {
            qkv.clone()
                .narrow(2, part * n_embd, n_embd)
                .reshape([batch, time, self.n_head, head_size])
                .swap_dims(1, 2) // [batch, n_head, time, head_size]
        };
        let (q, k, v) = (heads(0), heads(1), heads(2));

        let scores = q.matmul(k.swap_dims(2, 3)) / (head_size as f64).sqrt();
        let scores = scores.mask_fill(mask, MASKED_SCORE); // [batch, n_head, time, time]
        let weights = self.dropout.forward(activation::softmax(scores, 3));
        let mixed = weights.matmul(v).swap_dims(1, 2); // [batch, time, n_head, head_size]
        self.c_proj.forward(mixed.reshape([batch, time, n_embd]))
    }
}

/// True where a query may not look: at keys later than itself. `[1, 1, time, time]`.
pub(crate) fn causal_mask(time: usize, device: &Device) -> Tensor<4, Bool> {
    Tensor::<2, Bool>::tril_mask([time, time], 0, device).unsqueeze()
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
        let attended = self.attn.forward(self.ln_1.forward(x.clone()), mask);
        let x = x + self.dropout.forward(attended);
        let thought = self.mlp.forward(self.ln_2.forward(x.clone()));
        x + self.dropout.forward(thought)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
