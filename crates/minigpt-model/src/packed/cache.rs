//! What a packed model has read of one text.

/// Keys and values of one text in every block ([Pope et al., 2022](https://arxiv.org/abs/2211.05102)).
///
/// Texts that are read together have one each: they begin and end when they like.
#[derive(Clone, Debug, Default)]
pub struct PackedCache {
    /// Of each block `[len, n_kv_head * head_size]`.
    pub(super) layers: Vec<LayerCache>,
    pub(super) len: usize,
}

/// Keys and values of one block.
#[derive(Clone, Debug, Default)]
pub(super) struct LayerCache {
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
        let is_fitting = |layer: &LayerCache| layer.keys.len() == self.len * width;
        let is_empty = self.layers.is_empty() && self.len == 0;
        let is_ours = self.layers.len() == n_layer && self.layers.iter().all(is_fitting);
        assert!(is_empty || is_ours, "the cache was filled by a model of another shape");
    }

    /// Forgets all tokens but the first `len`.
    pub fn truncate(&mut self, len: usize) {
        if len >= self.len {
            return;
        }
        for LayerCache { keys, values } in &mut self.layers {
            let length = keys.len() / self.len * len;
            keys.truncate(length);
            values.truncate(length);
        }
        self.len = len;
    }
}
