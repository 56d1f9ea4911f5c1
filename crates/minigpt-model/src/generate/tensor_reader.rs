//! Texts that are read as tensors, padded at their starts.

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::model::cache::KvCache;
use crate::model::gpt::Gpt;

/// Contexts that are read as tensors, flush right.
#[derive(Clone)]
pub(super) struct TensorReader<'a> {
    model: &'a Gpt,
    device: Device,
    cache: KvCache,
}

impl<'a> TensorReader<'a> {
    pub(super) fn new(model: &'a Gpt) -> Self {
        let device = model.wte.weight.lazy_device().inner();
        Self { model, device, cache: KvCache::new(Vec::new()) }
    }

    /// The next read is one of all tokens.
    pub(super) fn forget(&mut self) {
        self.cache = KvCache::new(Vec::new());
    }

    /// Goes on with these rows alone, in this order.
    pub(super) fn select(&mut self, rows: &[usize]) {
        let cache = std::mem::replace(&mut self.cache, KvCache::new(Vec::new()));
        if !cache.is_empty() {
            self.cache = cache.select(rows, &self.device);
        }
    }

    /// Logits after the contexts, of which the cache has the beginnings, or nothing: `[batch, vocab_size]`.
    pub(super) fn read(&mut self, contexts: &[&[u32]]) -> Tensor<2> {
        let longest = contexts.iter().map(|tokens| tokens.len()).max().unwrap_or_default();
        let unread = contexts[0].len() - self.cache.tokens_of(0);
        let is_full = self.cache.len() + unread > self.model.block_size();
        if self.cache.is_empty() || is_full || unread == 0 {
            let padding = contexts.iter().map(|tokens| longest - tokens.len()).collect();
            self.cache = KvCache::new(padding);
            return self.read_last(contexts, longest);
        }
        self.read_last(contexts, unread)
    }

    /// Reads the last `time` tokens of each context, padded at the start where there are fewer.
    fn read_last(&mut self, contexts: &[&[u32]], time: usize) -> Tensor<2> {
        let mut ids = Vec::with_capacity(contexts.len() * time);
        for tokens in contexts {
            let last = &tokens[tokens.len().saturating_sub(time)..];
            ids.resize(ids.len() + time - last.len(), 0);
            ids.extend(last.iter().map(|id| *id as i32));
        }
        let shape = [contexts.len(), time];
        let tokens = Tensor::<2, Int>::from_data(TensorData::new(ids, shape), &self.device);
        self.model.forward_cached(tokens, &mut self.cache)
    }
}
