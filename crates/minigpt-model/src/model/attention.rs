//! Causal self-attention: plain, with a key-value cache, and traced.

use burn::module::Module;
use burn::nn::{Dropout, Linear};
use burn::tensor::{Bool, Int, Tensor, s};

use crate::ops::Precision;
use crate::ops::plain::{attention_weights, heads, mix};
use crate::ops::{self, Chances};

/// Causal multi-head self-attention with one fused projection for queries, keys and values.
#[derive(Module, Debug)]
pub struct CausalSelfAttention {
    /// Queries, keys and values side by side, `[n_embd, 3 * n_embd]`.
    pub c_attn: Linear,
    /// Projection back onto the residual stream, `[n_embd, n_embd]`.
    pub c_proj: Linear,
    pub(crate) dropout: Dropout,
    pub(crate) n_head: usize,
    #[module(skip)]
    pub(crate) precision: Precision,
}

/// Keys and values of one block for the positions seen so far.
///
/// There is room for more than these, so that a further position is written where it belongs and the others
/// stay where they are.
#[derive(Clone, Debug, Default)]
pub(crate) struct LayerCache {
    /// `[batch, n_head, room, head_size]` each.
    pair: Option<[Tensor<4>; 2]>,
    len: usize,
}

impl LayerCache {
    /// Joins the keys and values of further positions, and gives those of all:
    /// `[batch, n_head, past + time, head_size]`.
    fn extend(&mut self, keys: Tensor<4>, values: Tensor<4>) -> [Tensor<4>; 2] {
        let past = self.len;
        self.len += keys.dims()[2];
        let len = self.len;
        let pair = match self.pair.take() {
            Some(pair) if pair[0].dims()[2] >= len => pair,
            smaller => {
                let [batch, n_head, _, head_size] = keys.dims();
                let room = [batch, n_head, len.next_power_of_two(), head_size];
                let larger = [&keys, &values].map(|part| Tensor::zeros(room, &part.device()));
                match smaller {
                    None => larger,
                    Some(smaller) => write(larger, 0, smaller.map(|part| part.narrow(2, 0, past))),
                }
            }
        };
        let pair = write(pair, past, [keys, values]);
        self.pair.insert(pair).clone().map(|part| part.narrow(2, 0, len))
    }

    /// The cache of these rows of the batch, in this order.
    pub(crate) fn select(self, rows: &Tensor<1, Int>) -> Self {
        let pair = self.pair.map(|pair| pair.map(|part| part.select(0, rows.clone())));
        Self { pair, len: self.len }
    }
}

/// Puts positions into the third dimension of both tensors, from `first` on.
fn write(pair: [Tensor<4>; 2], first: usize, positions: [Tensor<4>; 2]) -> [Tensor<4>; 2] {
    let [keys, values] = pair;
    let [new_keys, new_values] = positions;
    let put = |all: Tensor<4>, new: Tensor<4>| {
        let time = new.dims()[2];
        all.slice_assign(s![.., .., first..first + time, ..], new)
    };
    [put(keys, new_keys), put(values, new_values)]
}

impl CausalSelfAttention {
    /// `x` `[batch, time, n_embd]` to the same shape; each position sees itself and those before.
    pub fn forward(&self, x: Tensor<3>, chances: &mut Chances) -> Tensor<3> {
        let qkv = ops::linear(x, &self.c_attn, self.precision, chances); // [batch, time, 3 * n_embd]
        let mixed = ops::causal_attention(qkv, self.n_head, chances.next(&self.dropout));
        ops::linear(mixed, &self.c_proj, self.precision, chances)
    }

    /// As [`forward`](Self::forward) for `time` positions after the `past` ones in `cache`, with a
    /// mask `[1 or batch, 1, time, past + time]`, or none where nothing is hidden.
    pub(crate) fn forward_cached(
        &self,
        x: Tensor<3>,
        mask: Option<Tensor<4, Bool>>,
        cache: &mut LayerCache,
    ) -> Tensor<3> {
        let none = &mut Chances::none();
        let [q, k, v] = heads(ops::linear(x, &self.c_attn, self.precision, none), self.n_head);
        let [k, v] = cache.extend(k, v);
        let mixed = mix(attention_weights(q, k, mask), v);
        ops::linear(mixed, &self.c_proj, self.precision, none)
    }

    /// As [`forward`](Self::forward), with the attention weights `[batch, n_head, time, time]`.
    pub(crate) fn forward_traced(
        &self,
        x: Tensor<3>,
        mask: Tensor<4, Bool>,
    ) -> (Tensor<3>, Tensor<4>) {
        let none = &mut Chances::none();
        let [q, k, v] = heads(ops::linear(x, &self.c_attn, self.precision, none), self.n_head);
        let weights = attention_weights(q, k, Some(mask));
        let mixed = mix(weights.clone(), v);
        (ops::linear(mixed, &self.c_proj, self.precision, none), weights)
    }
}
