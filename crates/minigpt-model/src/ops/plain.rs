//! The operations as compositions of burn's own: what backends without kernels run, and what tests compare
//! the kernels with.

pub(super) mod chunked;

use std::f64::consts::FRAC_2_PI;

use burn::nn::Linear;
use burn::tensor::{Bool, Device, FloatDType, Int, Tensor, activation, module};

use super::dropout::Dropout;
use super::precision::Precision;

/// Added to the variance in every LayerNorm, GPT-2's value.
pub(super) const LAYER_NORM_EPSILON: f64 = 1e-5;

/// Stands for minus infinity in masked scores: its exponential is exactly zero in `f32`, and
/// unlike infinity it can be written as a literal in every shader language.
const MASKED_SCORE: f32 = -1e9;

pub(super) fn embed(
    tokens: Tensor<2, Int>,
    wte: Tensor<2>,
    wpe: Tensor<2>,
    dropout: Dropout,
) -> Tensor<3> {
    let [batch, time] = tokens.dims();
    let n_embd = wte.dims()[1];
    let positions = wpe.narrow(0, 0, time).unsqueeze(); // [1, time, n_embd]
    let tokens = wte.select(0, tokens.flatten(0, 1)).reshape([batch, time, n_embd]);
    dropout.apply(tokens + positions)
}

pub(super) fn layer_norm(x: Tensor<3>, weight: Tensor<1>, bias: Tensor<1>) -> Tensor<3> {
    let centred = x.clone() - x.mean_dim(2);
    let variance = centred.clone().square().mean_dim(2);
    let normal = centred / (variance + LAYER_NORM_EPSILON).sqrt();
    normal * weight.unsqueeze() + bias.unsqueeze()
}

pub(super) fn linear(x: Tensor<3>, layer: &Linear, precision: Precision) -> Tensor<3> {
    let bias = layer.bias.as_ref().map(|bias| bias.val());
    if precision.of_tensors(&x.device()).is_none() {
        return module::linear(x, layer.weight.base(), bias);
    }
    let y = product(x, layer.weight.base().unsqueeze(), precision);
    match bias {
        Some(bias) => y + bias.unsqueeze(),
        None => y,
    }
}

/// `a · b`, in the type of `precision` where the device has it.
pub(super) fn product<const D: usize>(
    a: Tensor<D>,
    b: Tensor<D>,
    precision: Precision,
) -> Tensor<D> {
    match precision.of_tensors(&a.device()) {
        None => a.matmul(b),
        Some(dtype) => a.cast(dtype).matmul(b.cast(dtype)).cast(FloatDType::F32),
    }
}

pub(super) fn low_rank(
    x: Tensor<3>,
    a: Tensor<2>,
    b: Tensor<2>,
    scale: f64,
    dropout: Dropout,
) -> Tensor<3> {
    let [batch, time, from] = x.dims();
    let to = b.dims()[1];
    let x = dropout.apply(x).reshape([batch * time, from]);
    (x.matmul(a) * scale).matmul(b).reshape([batch, time, to])
}

/// Written as `x · sigmoid(2u)`, which is the same function: a profile of burn's own on a CPU showed
/// half of a small model's training step in tanh and powers.
pub(super) fn gelu(x: Tensor<3>) -> Tensor<3> {
    let u = (x.clone().square() * 0.044715 + 1.0) * x.clone() * FRAC_2_PI.sqrt();
    x * activation::sigmoid(u * 2.0)
}

pub(super) fn residual_dropout(x: Tensor<3>, branch: Tensor<3>, dropout: Dropout) -> Tensor<3> {
    x + dropout.apply(branch)
}

pub(super) fn causal_attention(qkv: Tensor<3>, n_head: usize, dropout: Dropout) -> Tensor<3> {
    let mask = causal_mask(qkv.dims()[1], &qkv.device());
    let [q, k, v] = heads(qkv, n_head);
    mix(dropout.apply(attention_weights(q, k, Some(mask))), v)
}

/// Queries, keys and values, each `[batch, n_head, time, head_size]`, of `[batch, time, 3 * n_embd]`.
pub(crate) fn heads(qkv: Tensor<3>, n_head: usize) -> [Tensor<4>; 3] {
    let [batch, time, width] = qkv.dims();
    let n_embd = width / 3;
    [0, 1, 2].map(|part| {
        qkv.clone()
            .narrow(2, part * n_embd, n_embd)
            .reshape([batch, time, n_head, n_embd / n_head])
            .swap_dims(1, 2) // [batch, n_head, time, head_size]
    })
}

/// How much each query attends to each key: `[batch, n_head, queries, keys]`, rows that sum to one.
pub(crate) fn attention_weights(
    q: Tensor<4>,
    k: Tensor<4>,
    mask: Option<Tensor<4, Bool>>,
) -> Tensor<4> {
    let head_size = q.dims()[3];
    let scores = q.matmul(k.swap_dims(2, 3)) / (head_size as f64).sqrt();
    let scores = match mask {
        Some(mask) => scores.mask_fill(mask, MASKED_SCORE),
        None => scores,
    };
    activation::softmax(scores, 3)
}

/// The values by their weights, heads side by side: `[batch, time, n_embd]`.
pub(crate) fn mix(weights: Tensor<4>, values: Tensor<4>) -> Tensor<3> {
    let [batch, n_head, time, _] = weights.dims();
    let n_embd = n_head * values.dims()[3];
    let mixed = weights.matmul(values).swap_dims(1, 2); // [batch, time, n_head, head_size]
    mixed.reshape([batch, time, n_embd])
}

/// True where a query may not look: at keys later than itself. `[1, 1, time, time]`.
pub(crate) fn causal_mask(time: usize, device: &Device) -> Tensor<4, Bool> {
    Tensor::<2, Bool>::tril_mask([time, time], 0, device).unsqueeze()
}
