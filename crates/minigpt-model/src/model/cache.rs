//! What a model has read, so that each further token costs one position and not all of them.

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};

use super::attention::LayerCache;

/// Keys and values of a batch of sequences in every block ([Pope et al.,
/// 2022](https://arxiv.org/abs/2211.05102)). It knows its position.
///
/// Sequences of different lengths stand flush right: the shorter ones begin with padding, which no
/// position attends to and which counts for no position.
#[derive(Clone, Debug)]
pub struct KvCache {
    layers: Vec<LayerCache>,
    /// Positions in the cache, padding included.
    len: usize,
    /// Padding at the start of each sequence.
    padding: Vec<usize>,
}

impl KvCache {
    /// A cache of sequences that begin with so much padding each.
    #[must_use]
    pub fn new(padding: Vec<usize>) -> Self {
        Self { layers: Vec::new(), len: 0, padding }
    }

    /// Positions in the cache, padding included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// True before the first token.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Tokens in the cache of a sequence; none before the first.
    pub(crate) fn tokens_of(&self, row: usize) -> usize {
        self.len - self.padding.get(row).copied().unwrap_or_default()
    }

    /// The cache of these sequences of the batch, in this order; one may stand several times.
    ///
    /// # Panics
    /// Where the batch has no such sequence.
    #[must_use]
    pub(crate) fn select(self, rows: &[usize], device: &Device) -> Self {
        let padding = rows.iter().map(|row| self.padding[*row]).collect();
        let ids: Vec<i32> = rows.iter().map(|row| *row as i32).collect();
        let ids = Tensor::<1, Int>::from_data(TensorData::new(ids, [rows.len()]), device);
        let layers = self.layers.into_iter().map(|layer| layer.select(&ids)).collect();
        Self { layers, len: self.len, padding }
    }

    /// One cache for each of `n_layer` blocks.
    pub(crate) fn layers(&mut self, n_layer: usize) -> &mut [LayerCache] {
        self.layers.resize_with(n_layer, LayerCache::default);
        &mut self.layers
    }

    /// Makes room for `time` positions: where they are, `time` in a row for each sequence or one row for all,
    /// and what they may not see, `[1 or batch, 1, time, past + time]`.
    pub(crate) fn advance(
        &mut self,
        time: usize,
        block_size: usize,
        device: &Device,
    ) -> (Vec<Vec<usize>>, Option<Tensor<4, Bool>>) {
        let past = self.len;
        self.len += time;
        let len = self.len;
        assert!(len <= block_size, "{len} tokens exceed the context of {block_size}");
        let is_padded = self.padding.iter().any(|padding| *padding > 0);
        // Without padding one row serves all sequences.
        let rows = if is_padded { &self.padding[..] } else { &[0] };
        let places = rows
            .iter()
            .map(|padding| (past..len).map(|position| position.saturating_sub(*padding)).collect());

        let mask = (time > 1 || is_padded).then(|| {
            let hidden = |padding: usize, query: usize, key: usize| key > query || key < padding;
            let of_row = |padding: usize| {
                (past..len)
                    .flat_map(move |query| (0..len).map(move |key| hidden(padding, query, key)))
            };
            let mask: Vec<bool> = rows.iter().flat_map(|padding| of_row(*padding)).collect();
            Tensor::<4, Bool>::from_data(TensorData::new(mask, [rows.len(), 1, time, len]), device)
        });
        (places.collect(), mask)
    }
}
