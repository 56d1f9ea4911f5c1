//! Causal self-attention: in training, with a key-value cache, and traced.

use burn::module::Module;
use burn::nn::{Dropout, DropoutConfig};
use burn::tensor::{Bool, Device, Int, Tensor, activation, s};

use super::assembly::Assembly;
use super::config::Position;
use super::context::Context;
use super::layer::{Before, linear};
use super::linear::Linear;
use super::norm::Norm;
use crate::ops::{self, Precision};

/// Stands for minus infinity in masked scores: its exponential is exactly zero in `f32`, and
/// unlike infinity it can be written as a literal in every shader language.
const MASKED_SCORE: f32 = -1e9;

/// Causal multi-head self-attention with one fused projection for queries, keys and values.
#[derive(Module, Debug)]
pub struct CausalSelfAttention {
    /// Queries, keys and values side by side, `[n_embd, (n_head + 2 * n_kv_head) * head_size]`.
    pub c_attn: Linear,
    /// Projection back onto the residual stream, `[n_head * head_size, n_embd]`.
    pub c_proj: Linear,
    /// Normalises each query, where it is.
    pub q_norm: Option<Norm>,
    /// Normalises each key, where it is.
    pub k_norm: Option<Norm>,
    pub(crate) dropout: Dropout,
    #[module(skip)]
    n_head: usize,
    #[module(skip)]
    n_kv_head: usize,
    /// Whether queries and keys are turned.
    #[module(skip)]
    is_rotary: bool,
    /// What scores are divided by besides `√head_size`: 1, or the number of the block.
    #[module(skip)]
    divisor: usize,
}

impl CausalSelfAttention {
    /// The attention of block `index`.
    pub(crate) fn assemble<E>(parts: &mut Assembly<'_, E>, index: usize) -> Result<Self, E> {
        let layer = format!("h.{index}.attn");
        let is_divided = parts.config.scale_attn_by_inverse_layer_idx;
        Ok(Self {
            c_attn: parts.linear(&format!("{layer}.c_attn"))?,
            c_proj: parts.linear(&format!("{layer}.c_proj"))?,
            q_norm: Norm::assemble_optional(parts, &format!("{layer}.q_norm"))?,
            k_norm: Norm::assemble_optional(parts, &format!("{layer}.k_norm"))?,
            dropout: DropoutConfig::new(parts.config.attn_pdrop).init(),
            n_head: parts.config.n_head,
            n_kv_head: parts.config.n_kv_head(),
            is_rotary: parts.config.position != Position::Learned,
            divisor: if is_divided { index + 1 } else { 1 },
        })
    }

    /// `before(x)` `[batch, time, n_embd]` to the same shape; each position sees itself and those before.
    pub(crate) fn forward(
        &self,
        before: Before<'_>,
        x: Tensor<3>,
        context: &mut Context,
    ) -> Tensor<3> {
        let qkv = linear(before, x, &self.c_attn, context);
        let mixed = match context.apart.clone() {
            None => self.mixed(qkv, context),
            Some(apart) => apart.each(qkv, |qkv| self.mixed(qkv, context)),
        };
        linear(Before::Nothing, mixed, &self.c_proj, context)
    }

    /// What each position takes of those before it.
    fn mixed(&self, qkv: Tensor<3>, context: &mut Context) -> Tensor<3> {
        if let Some(mixed) = self.turned_and_mixed(&qkv, context) {
            return mixed;
        }
        // Side by side, as in GPT-2, is how the kernels take them.
        let qkv = match self.is_side_by_side() {
            true => qkv, // [batch, time, 3 * n_embd]
            false => {
                let [q, k, v] = self.heads(qkv, context);
                let parts = [q, self.for_each_query(k), self.for_each_query(v)];
                Tensor::cat(parts.map(join).to_vec(), 2)
            }
        };
        let mask = context.dropout.next(&self.dropout);
        causal_attention(qkv, self.n_head, mask, context.precision)
    }

    /// Norms of the heads, rotation, repetition and attention in one operation, where there is one.
    fn turned_and_mixed(&self, qkv: &Tensor<3>, context: &mut Context) -> Option<Tensor<3>> {
        if self.divisor != 1 {
            return None;
        }
        let norms = match (&self.q_norm, &self.k_norm) {
            (Some(queries), Some(keys)) => {
                let ((queries, epsilon), (keys, _)) = (queries.rms_weight()?, keys.rms_weight()?);
                Some(ops::HeadNorms { scales: [queries, keys], epsilon })
            }
            (None, None) => None,
            _ => return None,
        };
        let rotation = context.rotation.as_ref()?.first(qkv.dims()[1]);
        // The state goes on where the operation is taken alone.
        let mut dropout = context.dropout;
        let mask = dropout.next(&self.dropout);
        let (heads, precision) = ([self.n_head, self.n_kv_head], context.precision);
        let mixed = ops::grouped_attention(qkv, norms, rotation.tables(), heads, &mask, precision)?;
        context.dropout = dropout;
        Some(mixed)
    }

    /// As [`forward`](Self::forward) for `time` positions after the `past` ones in `cache`, with a
    /// mask `[1 or batch, 1, time, past + time]`, or none where nothing is hidden.
    pub(crate) fn forward_cached(
        &self,
        x: Tensor<3>,
        mask: Option<Tensor<4, Bool>>,
        cache: &mut LayerCache,
        context: &mut Context,
    ) -> Tensor<3> {
        let qkv = linear(Before::Nothing, x, &self.c_attn, context);
        let [q, k, v] = self.heads(qkv, context);
        let [k, v] = cache.extend(k, v);
        let mixed = mix(attention_weights(q, self.for_each_query(k), mask), self.for_each_query(v));
        linear(Before::Nothing, mixed, &self.c_proj, context)
    }

    /// As [`forward`](Self::forward), with the attention weights `[batch, n_head, time, time]`.
    pub(crate) fn forward_traced(
        &self,
        x: Tensor<3>,
        context: &mut Context,
    ) -> (Tensor<3>, Tensor<4>) {
        let mask = causal_mask(x.dims()[1], &x.device());
        let qkv = linear(Before::Nothing, x, &self.c_attn, context);
        let [q, k, v] = self.heads(qkv, context);
        let weights = attention_weights(q, self.for_each_query(k), Some(mask));
        let mixed = mix(weights.clone(), self.for_each_query(v));
        (linear(Before::Nothing, mixed, &self.c_proj, context), weights)
    }

    /// True where the projection gives what attends as it is: nothing is normalised, turned, divided or repeated.
    fn is_side_by_side(&self) -> bool {
        let is_repeated = self.n_kv_head != self.n_head;
        self.q_norm.is_none() && !is_repeated && !self.is_rotary && self.divisor == 1
    }

    /// Queries, keys and values, normalised, turned and divided where they are: `[batch, n_head, time, head_size]` and
    /// twice `[batch, n_kv_head, time, head_size]`, of `[batch, time, (n_head + 2 * n_kv_head) * head_size]`.
    fn heads(&self, qkv: Tensor<3>, context: &Context) -> [Tensor<4>; 3] {
        let [_, time, width] = qkv.dims();
        let (n_head, n_kv_head) = (self.n_head, self.n_kv_head);
        let head_size = width / (n_head + 2 * n_kv_head);
        let part = |first: usize, heads: usize, norm: Option<&Norm>| {
            let part = qkv.clone().narrow(2, first * head_size, heads * head_size);
            split(part, heads, norm)
        };
        let q = part(0, n_head, self.q_norm.as_ref());
        // In place of the scores, which a kernel makes.
        let q = if self.divisor == 1 { q } else { q / self.divisor as f64 };
        let k = part(n_head, n_kv_head, self.k_norm.as_ref());
        let v = part(n_head + n_kv_head, n_kv_head, None);
        match &context.rotation {
            Some(rotation) => {
                let rotation = rotation.first(time);
                [rotation.turn(q), rotation.turn(k), v]
            }
            None => [q, k, v],
        }
    }

    /// Each head of keys or values as often as there are queries to it: `[batch, n_kv_head, time, head_size]`
    /// to `[batch, n_head, time, head_size]`.
    fn for_each_query(&self, x: Tensor<4>) -> Tensor<4> {
        let [batch, n_kv_head, time, head_size] = x.dims();
        let group = self.n_head / n_kv_head;
        if group == 1 {
            return x;
        }
        x.reshape([batch, n_kv_head, 1, time * head_size]).repeat_dim(2, group).reshape([
            batch,
            self.n_head,
            time,
            head_size,
        ])
    }
}

/// `[batch, time, heads * head_size]` to `[batch, heads, time, head_size]`, each vector normalised.
pub(crate) fn split(x: Tensor<3>, heads: usize, norm: Option<&Norm>) -> Tensor<4> {
    let [batch, time, width] = x.dims();
    let head_size = width / heads;
    let x = match norm {
        Some(norm) => norm.forward(x.reshape([batch, time * heads, head_size])),
        None => x,
    };
    x.reshape([batch, time, heads, head_size]).swap_dims(1, 2)
}

/// `softmax(Q · Kᵀ / √head_size) · V`, each query over the keys up to its own position ([Vaswani et al.,
/// 2017](https://arxiv.org/abs/1706.03762)): from queries, keys and values side by side, `[batch, time,
/// 3 * n_head * head_size]`, to `[batch, time, n_head * head_size]`.
pub(crate) fn causal_attention(
    qkv: Tensor<3>,
    n_head: usize,
    dropout: ops::DropoutMask,
    precision: Precision,
) -> Tensor<3> {
    if let Some(mixed) = ops::causal_attention(&qkv, n_head, &dropout, precision) {
        return mixed;
    }
    let [_, time, width] = qkv.dims();
    let mask = causal_mask(time, &qkv.device());
    let [q, k, v] = [0, 1, 2].map(|part| {
        let part = qkv.clone().narrow(2, part * width / 3, width / 3);
        split(part, n_head, None) // [batch, n_head, time, head_size]
    });
    mix(dropout.apply(attention_weights(q, k, Some(mask))), v)
}

/// `softmax(Q · Kᵀ / √head_size)`: how much each query attends to each key, `[batch, n_head, queries, keys]`,
/// rows that sum to one.
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

/// The values by their weights, heads side by side: `[batch, time, n_head * head_size]`.
pub(crate) fn mix(weights: Tensor<4>, values: Tensor<4>) -> Tensor<3> {
    join(weights.matmul(values))
}

/// `[batch, n_head, time, head_size]` to `[batch, time, n_head * head_size]`.
fn join(x: Tensor<4>) -> Tensor<3> {
    let [batch, n_head, time, head_size] = x.dims();
    x.swap_dims(1, 2).reshape([batch, time, n_head * head_size])
}

/// True where a query may not look: at keys later than itself. `[1, 1, time, time]`.
pub(crate) fn causal_mask(time: usize, device: &Device) -> Tensor<4, Bool> {
    Tensor::<2, Bool>::tril_mask([time, time], 0, device).unsqueeze()
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
