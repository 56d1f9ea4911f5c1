//! What a packed model has read of one text.

use std::sync::Arc;

use super::adapter::PackedAdapter;

/// Keys and values of one text in every block ([Pope et al., 2022](https://arxiv.org/abs/2211.05102)).
///
/// Texts that are read together have one each: they begin and end when they like, and each is read with the adapter of
/// the model that [made](super::PackedGpt::new_cache) it.
#[derive(Clone, Debug, Default)]
pub struct PackedCache {
    /// Of each block `[len, n_kv_head * head_size]`.
    pub(super) layers: Vec<BlockCache>,
    pub(super) len: usize,
    pub(super) adapter: Option<Arc<PackedAdapter>>,
}

/// Keys and values of one block.
#[derive(Clone, Debug, Default)]
pub(super) struct BlockCache {
    pub(super) keys: Vec<f32>,
    pub(super) values: Vec<f32>,
}

impl PackedCache {
    /// Tokens read.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True before the first token.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Makes sure that no other model filled it.
    pub(super) fn check(&self, n_layer: usize, width: usize) {
        let is_fitting = |layer: &BlockCache| layer.keys.len() == self.len * width;
        let is_empty = self.layers.is_empty() && self.len == 0;
        let is_ours = self.layers.len() == n_layer && self.layers.iter().all(is_fitting);
        assert!(is_empty || is_ours, "the cache was filled by a model of another shape");
    }

    /// Bytes of keys and values.
    pub fn bytes(&self) -> usize {
        let values =
            self.layers.iter().map(|layer| layer.keys.capacity() + layer.values.capacity());
        values.sum::<usize>() * size_of::<f32>()
    }

    /// Whether both are read with the same adapter, or with none.
    pub fn has_adapter_of(&self, other: &Self) -> bool {
        match (&self.adapter, &other.adapter) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        }
    }

    /// The first `len` tokens of it, for another text that begins with them.
    #[must_use]
    pub fn beginning(&self, len: usize) -> Self {
        let len = len.min(self.len);
        let part = |values: &[f32]| values[..values.len() / self.len.max(1) * len].to_vec();
        let layers = self
            .layers
            .iter()
            .map(|layer| BlockCache { keys: part(&layer.keys), values: part(&layer.values) });
        Self { layers: layers.collect(), len, adapter: self.adapter.clone() }
    }

    /// Forgets all tokens but the first `len`.
    pub fn truncate(&mut self, len: usize) {
        if len >= self.len {
            return;
        }
        for BlockCache { keys, values } in &mut self.layers {
            let length = keys.len() / self.len * len;
            keys.truncate(length);
            values.truncate(length);
        }
        self.len = len;
    }
}
