//! A pass through a packed model that keeps what stands between, as [`Gpt`](crate::Gpt)'s does.

use minigpt_ops::{Heads, in_pool};
use rayon::prelude::*;

use super::PackedGpt;
use super::adapter::AdaptedRows;
use super::cache::PackedCache;
use super::forward::{Angles, Beside};

/// A pass through the model, block by block, over one text.
pub(crate) struct PackedTrace<'a> {
    model: &'a PackedGpt,
    cache: PackedCache,
    /// All rows, where the model has an adapter.
    adapted: Vec<AdaptedRows>,
    angles: Angles,
    /// The residual stream before the next block, `[time, n_embd]`.
    x: Vec<f32>,
    /// The next block.
    block: usize,
}

/// What attends in a block: each head's queries and keys, normalised and turned where they are.
#[derive(Clone, Debug)]
pub(crate) struct QueriesAndKeys {
    /// `[time, n_head * head_size]`.
    q: Vec<f32>,
    /// `[time, n_kv_head * head_size]`, as they are kept.
    k: Vec<f32>,
    heads: Heads,
}

impl PackedGpt {
    /// Will read a text.
    ///
    /// # Panics
    /// As [`forward`](Self::forward).
    pub(crate) fn trace(&self, tokens: &[u32]) -> PackedTrace<'_> {
        assert!(!tokens.is_empty(), "a text has at least one token");
        let (time, block_size) = (tokens.len(), self.block_size());
        assert!(time <= block_size, "{time} tokens exceed the context of {block_size}");
        let mut x = Vec::with_capacity(time * self.config.n_embd);
        for (position, token) in tokens.iter().enumerate() {
            self.embed(*token, position, &mut x);
        }
        let mut cache = self.new_cache();
        cache.prepare(self.blocks.len(), self.config.n_kv_head(), self.config.head_size());
        cache.len = time;
        let adapted = cache.adapter.iter().map(|adapter| (0..time, adapter.clone())).collect();
        let angles = self.angles(&Vec::from_iter(0..time));
        PackedTrace { model: self, cache, adapted, angles, x, block: 0 }
    }
}

impl PackedTrace<'_> {
    /// The residual stream before the next block, `[time, n_embd]`.
    pub(crate) fn residual(&self) -> &[f32] {
        &self.x
    }
}

impl Iterator for PackedTrace<'_> {
    type Item = QueriesAndKeys;

    fn next(&mut self) -> Option<QueriesAndKeys> {
        let Self { model, cache, adapted, angles, x, block: index } = self;
        let block = model.blocks.get(*index)?;
        let layer = &mut cache.layers[*index];
        let q = in_pool(|| {
            let beside = Beside { block: *index, rows: adapted, chunk: cache.len };
            let q = model.attend(block, &beside, x, &mut [(cache.len, &mut *layer)], angles);
            model.mlp(block, &beside, x);
            q
        });
        *index += 1;
        let k = layer.keys();
        layer.truncate(0); // nothing looks at them any more
        Some(QueriesAndKeys { q, k, heads: model.heads(block) })
    }
}

impl QueriesAndKeys {
    /// `softmax(scale · Q · Kᵀ)`, each query over the keys up to its own position: `[n_head, time, time]`.
    pub(crate) fn weights(&self) -> Vec<f32> {
        let Heads { n_head, n_kv_head, head_size, scale } = self.heads;
        let time = self.q.len() / (n_head * head_size);
        let mut weights = vec![0.0; n_head * time * time];
        weights.par_chunks_mut(time).enumerate().for_each(|(row, weights)| {
            let (head, position) = (row / time, row % time);
            let q = &self.q[(position * n_head + head) * head_size..][..head_size];
            let of_keys = head / (n_head / n_kv_head);
            for (key, weight) in weights[..=position].iter_mut().enumerate() {
                let k = &self.k[(key * n_kv_head + of_keys) * head_size..][..head_size];
                *weight = scale * q.iter().zip(k).map(|(q, k)| q * k).sum::<f32>();
            }
            softmax(&mut weights[..=position]);
        });
        weights
    }
}

/// Scores to weights that sum to one.
fn softmax(scores: &mut [f32]) {
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    scores.iter_mut().for_each(|score| *score = (*score - largest).exp());
    let sum: f32 = scores.iter().sum();
    scores.iter_mut().for_each(|score| *score /= sum);
}
