//! Causal self-attention: plain, with a key-value cache, and traced.

use burn::module::Module;
use burn::nn::{Dropout, Linear};
use burn::tensor::{Bool, Device, Tensor, activation};

/// Stands for minus infinity in masked scores: its exponential is exactly zero in `f32`, and
/// unlike infinity it can be written as a literal in every shader language.
const MASKED_SCORE: f32 = -1e9;

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

/// Keys and values of one block for the positions seen so far, `[batch, n_head, time, head_size]`.
#[derive(Clone, Debug, Default)]
pub(crate) struct LayerCache(Option<[Tensor<4>; 2]>);

impl LayerCache {
    /// Joins the keys and values of further positions, and gives those of all.
    fn extend(&mut self, keys: Tensor<4>, values: Tensor<4>) -> [Tensor<4>; 2] {
        let all = match self.0.take() {
            None => [keys, values],
            Some([before, values_before]) => {
                [Tensor::cat(vec![before, keys], 2), Tensor::cat(vec![values_before, values], 2)]
            }
        };
        self.0.insert(all).clone()
    }

    /// The cache of these rows of the batch, in this order.
    pub(crate) fn select(self, rows: &Tensor<1, burn::tensor::Int>) -> Self {
        Self(self.0.map(|pair| pair.map(|tensor| tensor.select(0, rows.clone()))))
    }
}

impl CausalSelfAttention {
    /// `x` `[batch, time, n_embd]` and the causal mask `[1, 1, time, time]` to
    /// `[batch, time, n_embd]`.
    pub fn forward(&self, x: Tensor<3>, mask: Tensor<4, Bool>) -> Tensor<3> {
        let [q, k, v] = self.heads(x);
        let weights = self.dropout.forward(weights(q, k, Some(mask)));
        self.mix(weights, v)
    }

    /// As [`forward`](Self::forward) for `time` positions after the `past` ones in `cache`, with a
    /// mask `[1 or batch, 1, time, past + time]`, or none where nothing is hidden.
    pub(crate) fn forward_cached(
        &self,
        x: Tensor<3>,
        mask: Option<Tensor<4, Bool>>,
        cache: &mut LayerCache,
    ) -> Tensor<3> {
        let [q, k, v] = self.heads(x);
        let [k, v] = cache.extend(k, v);
        self.mix(weights(q, k, mask), v)
    }

    /// As [`forward`](Self::forward), with the attention weights `[batch, n_head, time, time]`.
    pub(crate) fn forward_traced(
        &self,
        x: Tensor<3>,
        mask: Tensor<4, Bool>,
    ) -> (Tensor<3>, Tensor<4>) {
        let [q, k, v] = self.heads(x);
        let weights = weights(q, k, Some(mask));
        (self.mix(weights.clone(), v), weights)
    }

    /// Queries, keys and values, each `[batch, n_head, time, head_size]`.
    fn heads(&self, x: Tensor<3>) -> [Tensor<4>; 3] {
        let [batch, time, n_embd] = x.dims();
        let head_size = n_embd / self.n_head;
        let qkv = self.c_attn.forward(x); // [batch, time, 3 * n_embd]
        [0, 1, 2].map(|part| {
            qkv.clone()
                .narrow(2, part * n_embd, n_embd)
                .reshape([batch, time, self.n_head, head_size])
                .swap_dims(1, 2) // [batch, n_head, time, head_size]
        })
    }

    /// The values by their weights, projected: `[batch, time, n_embd]`.
    fn mix(&self, weights: Tensor<4>, values: Tensor<4>) -> Tensor<3> {
        let [batch, n_head, time, _] = weights.dims();
        let n_embd = n_head * values.dims()[3];
        let mixed = weights.matmul(values).swap_dims(1, 2); // [batch, time, n_head, head_size]
        self.c_proj.forward(mixed.reshape([batch, time, n_embd]))
    }
}

/// How much each query attends to each key: `[batch, n_head, queries, keys]`, rows that sum to one.
fn weights(q: Tensor<4>, k: Tensor<4>, mask: Option<Tensor<4, Bool>>) -> Tensor<4> {
    let head_size = q.dims()[3];
    let scores = q.matmul(k.swap_dims(2, 3)) / (head_size as f64).sqrt();
    let scores = match mask {
        Some(mask) => scores.mask_fill(mask, MASKED_SCORE),
        None => scores,
    };
    activation::softmax(scores, 3)
}

/// True where a query may not look: at keys later than itself. `[1, 1, time, time]`.
pub(crate) fn causal_mask(time: usize, device: &Device) -> Tensor<4, Bool> {
    Tensor::<2, Bool>::tril_mask([time, time], 0, device).unsqueeze()
}
