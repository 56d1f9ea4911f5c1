//! A model for inference alone, on a processor: its weights stay as their file has them, quantised or not, and are
//! multiplied as they are.
//!
//! The forward pass is [`Gpt`](crate::Gpt)'s without what training needs: no graph, no dropout, and an adapter where
//! one is asked for. It is held against it by tests. Reading order: [`PackedGpt`], `forward`, `cache`, `source`, `adapter`.

mod adapter;
mod assemble;
mod cache;
mod converted;
mod forward;
pub(crate) mod source;
#[cfg(test)]
mod tests;
pub(crate) mod trace;

use std::sync::Arc;

use minigpt_ops::{CacheType, RotaryPairs, in_pool};
use rayon::prelude::*;

use self::adapter::PackedAdapter;
pub use self::cache::PackedCache;
pub use self::converted::Converted;
use crate::matrix::Matrix;
use crate::matrix::weight_type::WeightType;
use crate::model::config::{GptConfig, NormConfig};

/// A model whose weights are packed, for the processor.
///
/// ```
/// use burn::tensor::Device;
/// use minigpt_model::{Gpt, GptConfig, PackedCache, PackedGpt, TextInput, WeightType};
///
/// let model = Gpt::init(&GptConfig::tiny(256), 0, &Device::flex())?;
/// let packed = PackedGpt::of(model, WeightType::Q8_0)?;
/// let (mut one, mut other) = (PackedCache::default(), PackedCache::default());
/// let texts = &mut [
///     TextInput { tokens: &[72, 101], cache: &mut one },
///     TextInput { tokens: &[7], cache: &mut other },
/// ];
/// assert_eq!(packed.forward(texts).len(), 2 * 256); // logits of the next token of each
/// assert_eq!((one.len(), other.len()), (2, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct PackedGpt {
    config: GptConfig,
    wte: Matrix,
    wpe: Option<Matrix>,
    blocks: Vec<Block>,
    ln_f: Norm,
    lm_head: Option<Matrix>,
    /// Radians a position, for each pair of a head; none where positions are learned.
    frequencies: Vec<f64>,
    pairs: RotaryPairs,
    tokenizer_size: usize,
    /// Of keys and values.
    cache_type: CacheType,
    /// What stands beside its matrices for its own texts.
    adapter: Option<Arc<PackedAdapter>>,
}

/// A transformer block.
#[derive(Clone, Debug)]
struct Block {
    ln_1: Norm,
    qkv: [Linear; 3],
    attn_proj: Linear,
    q_norm: Option<Norm>,
    k_norm: Option<Norm>,
    /// Of scores.
    scale: f32,
    ln_2: Norm,
    /// The first matrix of the perceptron, or the gate and the other.
    fc: Vec<Linear>,
    mlp_proj: Linear,
}

#[derive(Clone, Debug)]
struct Linear {
    /// `[out, in]`.
    weight: Matrix,
    bias: Option<Vec<f32>>,
}

#[derive(Clone, Debug)]
struct Norm {
    weight: Vec<f32>,
    bias: Option<Vec<f32>>,
    config: NormConfig,
}

/// New tokens of one text, and the cache of those before.
#[derive(Debug)]
pub struct TextInput<'a> {
    /// At least one.
    pub tokens: &'a [u32],
    /// What was read of the text before.
    pub cache: &'a mut PackedCache,
}

/// How probable a given token was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TokenScore {
    /// Cross-entropy in nats.
    pub nats: f32,
    /// Whether it is the most probable one.
    pub is_greedy: bool,
}

/// Rows of logits in memory at once while tokens are scored.
const LOGIT_ROWS: usize = 32;

impl PackedGpt {
    /// The model's shape.
    #[must_use]
    pub fn config(&self) -> &GptConfig {
        &self.config
    }

    /// Longest context in tokens.
    #[must_use]
    pub fn block_size(&self) -> usize {
        self.config.block_size
    }

    /// Number of token ids, padding included: the width of the logits.
    #[must_use]
    pub fn vocab_size(&self) -> usize {
        self.config.vocab_size
    }

    /// Number of token ids that the [tokenizer](Self::with_tokenizer_size) has.
    #[must_use]
    pub fn tokenizer_size(&self) -> usize {
        self.tokenizer_size
    }

    /// As [`Gpt::with_tokenizer_size`](crate::Gpt::with_tokenizer_size).
    #[must_use]
    pub fn with_tokenizer_size(mut self, ids: usize) -> Self {
        self.tokenizer_size = ids.min(self.vocab_size());
        self
    }

    /// What its weights are kept as: those of its first perceptron, where files have several types.
    #[must_use]
    pub fn weight_type(&self) -> WeightType {
        self.blocks.first().map_or(WeightType::F32, |block| block.mlp_proj.weight.weight_type())
    }

    /// Bytes of all matrices, in memory or in a file that is mapped.
    pub fn weight_bytes(&self) -> usize {
        let linears = self.blocks.iter().flat_map(|block| {
            let ends = [&block.attn_proj, &block.mlp_proj];
            block.qkv.iter().chain(&block.fc).chain(ends).map(|linear| &linear.weight)
        });
        let tables = [Some(&self.wte), self.wpe.as_ref(), self.lm_head.as_ref()];
        linears.chain(tables.into_iter().flatten()).map(Matrix::bytes).sum()
    }

    /// Reads what several texts go on with, and gives the logits of the next token of each, `[texts, vocab_size]`;
    /// those of padding are minus infinity. A text has the same logits alone and among others, whatever the number
    /// of threads.
    ///
    /// # Panics
    /// Where a text has no new token, or more than the context has with those before, or an id that is not in the
    /// vocabulary, and where a model of another shape filled a cache.
    pub fn forward(&self, texts: &mut [TextInput<'_>]) -> Vec<f32> {
        self.forward_after(texts, &vec![1; texts.len()])
    }

    /// As [`forward`](Self::forward), with the logits after each of the last `wanted` tokens of a text: of all texts
    /// one after the other, `[wanted of all, vocab_size]`. They are those that each token would give as the last.
    ///
    /// # Panics
    /// As [`forward`](Self::forward), and where more are wanted than there are tokens.
    pub fn forward_after(&self, texts: &mut [TextInput<'_>], wanted: &[usize]) -> Vec<f32> {
        // From within the threads that work: each product would else wake them anew.
        in_pool(|| self.logits(&self.read(texts, wanted)))
    }

    /// The normalised residual stream after each token of a text, `[tokens, n_embd]`.
    ///
    /// # Panics
    /// As [`forward`](Self::forward).
    #[must_use]
    pub fn hidden(&self, tokens: &[u32]) -> Vec<f32> {
        self.hidden_after(tokens, &mut self.new_cache())
    }

    /// As [`hidden`](Self::hidden), of tokens that follow those of a cache, which they join.
    ///
    /// # Panics
    /// As [`forward`](Self::forward).
    pub fn hidden_after(&self, tokens: &[u32], cache: &mut PackedCache) -> Vec<f32> {
        in_pool(|| {
            self.ln_f.forward(&self.read(&mut [TextInput { tokens, cache }], &[tokens.len()]))
        })
    }

    /// The normalised residual stream after the last tokens of texts, of each as many: `[texts, last, n_embd]`.
    ///
    /// # Panics
    /// As [`forward_after`](Self::forward_after).
    #[must_use]
    pub fn last_hidden(&self, texts: &[&[u32]], last: usize) -> Vec<f32> {
        // One text at a time, as in `score`.
        let hidden = |tokens: &&[u32]| {
            let cache = &mut self.new_cache();
            let stream = self.read(&mut [TextInput { tokens, cache }], &[last]);
            self.ln_f.forward(&stream)
        };
        texts.iter().map(|tokens| in_pool(|| hidden(tokens))).collect::<Vec<_>>().concat()
    }

    /// The logits of rows of the normalised residual stream, `[rows, n_embd]` to `[rows, vocab_size]`; those of padding
    /// are minus infinity.
    #[must_use]
    pub fn head(&self, hidden: &[f32]) -> Vec<f32> {
        in_pool(|| self.logits_of_normal(hidden))
    }

    /// Scores the last tokens of texts, each of which follows those before: for each text as many as `targets` has
    /// of it, the last of which follows the whole text.
    ///
    /// # Panics
    /// As [`forward_after`](Self::forward_after), and where a target is not in the vocabulary.
    #[must_use]
    pub fn score(&self, texts: &[&[u32]], targets: &[&[u32]]) -> Vec<Vec<TokenScore>> {
        assert_eq!(texts.len(), targets.len(), "targets for each text");
        // One text at a time: of long ones keys and values of all would take much memory, and gain nothing.
        let each = texts.iter().zip(targets);
        each.map(|(text, targets)| in_pool(|| self.score_one(text, targets))).collect()
    }

    /// The logits that the head makes of rows of the residual stream, wherever in the model they stand: `[rows, n_embd]`
    /// to `[rows, vocab_size]`.
    pub(crate) fn lens(&self, residual: &[f32]) -> Vec<f32> {
        in_pool(|| self.logits(residual))
    }

    fn score_one(&self, tokens: &[u32], targets: &[u32]) -> Vec<TokenScore> {
        let cache = &mut self.new_cache();
        let stream = self.read(&mut [TextInput { tokens, cache }], &[targets.len()]);
        let parts = stream.chunks(LOGIT_ROWS * self.config.n_embd).zip(targets.chunks(LOGIT_ROWS));
        let scores = parts.flat_map(|(stream, targets)| {
            let logits = self.logits(stream);
            let rows = logits.par_chunks_exact(self.vocab_size()).zip(targets);
            rows.map(|(logits, target)| TokenScore::new(logits, *target)).collect::<Vec<_>>()
        });
        scores.collect()
    }
}

impl TokenScore {
    fn new(logits: &[f32], target: u32) -> Self {
        // Of equal ones the first, as where tokens are chosen.
        let more = |a: (usize, f32), b: (usize, f32)| if b.1 > a.1 { b } else { a };
        let all = logits.iter().copied().enumerate();
        let (greedy, largest) = all.reduce(more).unwrap_or((0, f32::NAN));
        let largest = f64::from(largest);
        let sum: f64 = logits.iter().map(|logit| (f64::from(*logit) - largest).exp()).sum();
        let nats = sum.ln() + largest - f64::from(logits[target as usize]);
        Self { nats: nats as f32, is_greedy: greedy == target as usize }
    }
}
