//! What a packed model has read of one text.

use std::sync::Arc;

use minigpt_ops::{CacheType, KeyValues};

use super::PackedGpt;
use super::adapter::PackedAdapter;

/// Keys and values of one text in every block ([Pope et al., 2022](https://arxiv.org/abs/2211.05102)).
///
/// Texts that are read together have one each: they begin and end when they like, and each is read with the adapter of
/// the model that [made](PackedGpt::new_cache) it, and kept as that model [says](PackedGpt::with_cache_type). The
/// default is of a model without an adapter, in 32 bits.
#[derive(Clone, Debug, Default)]
pub struct PackedCache {
    /// One for each block, once something was read.
    pub(super) layers: Vec<KeyValues>,
    pub(super) len: usize,
    pub(super) cache_type: CacheType,
    pub(super) adapter: Option<Arc<PackedAdapter>>,
}

impl PackedCache {
    /// Tokens read.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// True before the first token.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Makes sure that no other model filled it, and that each block has its part.
    pub(super) fn prepare(&mut self, n_layer: usize, n_kv_head: usize, head_size: usize) {
        if self.layers.is_empty() {
            self.layers = vec![KeyValues::new(self.cache_type, n_kv_head, head_size); n_layer];
        }
        let is_fitting =
            |layer: &KeyValues| layer.len() == self.len && layer.has_shape(n_kv_head, head_size);
        let is_ours = self.layers.len() == n_layer && self.layers.iter().all(is_fitting);
        assert!(is_ours, "the cache was filled by a model of another shape");
    }

    /// Bytes of keys and values.
    pub fn bytes(&self) -> usize {
        self.layers.iter().map(KeyValues::bytes).sum()
    }

    /// Whether both are read with the same adapter, or with none.
    #[must_use]
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
        let layers = self.layers.iter().map(|layer| layer.beginning(len)).collect();
        Self { layers, len, cache_type: self.cache_type, adapter: self.adapter.clone() }
    }

    /// Forgets all tokens but the first `len`.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
        self.layers.iter_mut().for_each(|layer| layer.truncate(len));
    }
}

impl PackedGpt {
    /// The same model, whose [new caches](Self::new_cache) keep keys and values as `cache_type`.
    #[must_use]
    pub fn with_cache_type(self, cache_type: CacheType) -> Self {
        Self { cache_type, ..self }
    }

    /// What new caches keep keys and values as.
    #[must_use]
    pub fn cache_type(&self) -> CacheType {
        self.cache_type
    }

    /// A cache for a text that is read with this model's adapter, by itself or by the model that it shares its weights
    /// with.
    #[must_use]
    pub fn new_cache(&self) -> PackedCache {
        let (cache_type, adapter) = (self.cache_type, self.adapter.clone());
        PackedCache { cache_type, adapter, ..PackedCache::default() }
    }
}
