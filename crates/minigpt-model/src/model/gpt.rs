//! The whole model: embeddings, blocks, a last normalisation, and the head.

use std::sync::Arc;

use burn::module::{Module, Param};
use burn::nn::{Dropout, DropoutConfig, Embedding};
use burn::tensor::{Device, Int, Tensor, TensorData, s};

use super::assembly::{Assembly, Content};
use super::block::Block;
use super::cache::KvCache;
use super::config::{GptConfig, Position};
use super::context::Context;
use super::norm::Norm;
use super::parameters::Parameter;
use super::rotary::Rotation;
use super::segments::Segments;
use crate::matrix::frozen::{Frozen, FrozenType};
use crate::ops::{self, DropoutKey, DropoutState, Lesson, Precision, SmoothedLoss};

/// GPT-2's architecture ([Radford et al., 2019](https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf)),
/// and its relatives', as [`GptConfig`] describes them.
///
/// Field names, and so the paths of the weights (`h.0.attn.c_attn.weight`, …), are GPT-2's.
#[derive(Module, Debug)]
pub struct Gpt {
    /// Token embedding, and output head where the two are tied, `[vocab_size, n_embd]`.
    pub wte: Embedding,
    /// Position embedding, `[block_size, n_embd]`, where positions are learned.
    pub wpe: Option<Embedding>,
    /// The transformer blocks, first to last.
    pub h: Vec<Block>,
    /// Normalises the residual stream before the head.
    pub ln_f: Norm,
    /// The head, where it is not `wte`.
    pub lm_head: Option<Head>,
    pub(crate) dropout: Dropout,
    #[module(skip)]
    pub(crate) config: GptConfig,
    #[module(skip)]
    pub(crate) precision: Precision,
    /// Key of the dropout masks; without it, each pass draws its own.
    #[module(skip)]
    dropout_key: Option<DropoutKey>,
    /// At most the rows of `wte`.
    #[module(skip)]
    tokenizer_size: usize,
    /// In place of `wte` and the head.
    #[module(skip)]
    pub(crate) tables: Tables,
}

/// Tables that are not trained.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    pub(crate) wte: Option<Arc<Frozen>>,
    /// Of a model that is not tied.
    pub(crate) head: Option<Arc<Frozen>>,
    /// The model's before its weights were frozen.
    pub(crate) fingerprint: Option<String>,
    /// How they are kept.
    pub(crate) frozen: Option<FrozenType>,
}

/// The output head of a model that is not tied.
#[derive(Module, Debug)]
pub struct Head {
    /// `[vocab_size, n_embd]`.
    pub weight: Param<Tensor<2>>,
}

impl Gpt {
    /// The model of `config` with the parameters that `source` gives, asked for in the order of
    /// [`GptConfig::parameters`].
    pub(crate) fn assemble<E>(
        config: &GptConfig,
        device: &Device,
        mut source: impl FnMut(&Parameter) -> Result<TensorData, E>,
    ) -> Result<Self, E> {
        let values = |parameter: &Parameter| source(parameter).map(Content::Values);
        Self::of_parts(Assembly::new(config, device, values))
    }

    /// The same, with matrices that are frozen.
    pub(crate) fn assemble_frozen<E>(
        config: &GptConfig,
        device: &Device,
        frozen: FrozenType,
        source: impl FnMut(&Parameter) -> Result<Content, E>,
    ) -> Result<Self, E> {
        let mut model = Self::of_parts(Assembly::new(config, device, source))?;
        model.tables.frozen = Some(frozen);
        Ok(model)
    }

    fn of_parts<E>(mut parts: Assembly<'_, E>) -> Result<Self, E> {
        let config = parts.config;
        let parts = &mut parts;
        let (weight, wte) = parts.matrix("wte.weight")?;
        let wpe = parts.optional("wpe.weight")?.map(|weight| Embedding { weight });
        let h = (0..config.n_layer).map(|index| Block::assemble(parts, index));
        let h = h.collect::<Result<_, E>>()?;
        let ln_f = Norm::assemble(parts, "ln_f")?;
        let (lm_head, head) = parts.optional_matrix("lm_head.weight")?.unzip();
        Ok(Self {
            wte: Embedding { weight },
            wpe,
            h,
            ln_f,
            lm_head: lm_head.map(|weight| Head { weight }),
            dropout: DropoutConfig::new(config.embd_pdrop).init(),
            precision: Precision::default(),
            dropout_key: None,
            tokenizer_size: config.vocab_size,
            config: config.clone(),
            tables: Tables { wte, head: head.flatten(), fingerprint: None, frozen: None },
        })
    }

    /// The same model beside a tokenizer of `ids` ids. Vocabularies are often padded, GPT-2's 50,257 to
    /// 50,304, because such products are faster. The ids that only the model has then have no part in
    /// anything: their logits are minus infinity, and losses are as if they were not there.
    ///
    /// ```
    /// use burn::tensor::{Device, Int, Tensor};
    /// use minigpt_model::{Gpt, GptConfig};
    ///
    /// let device = Device::flex();
    /// let model = Gpt::init(&GptConfig::tiny(304), 0, &device)?.with_tokenizer_size(257);
    /// let logits = model.forward_last(Tensor::<2, Int>::from_data([[72, 101]], &device)).into_data();
    /// let known = logits.iter::<f32>().filter(|logit| logit.is_finite()).count();
    /// assert_eq!((model.vocab_size(), known), (304, 257));
    /// # Ok::<(), minigpt_model::ConfigError>(())
    /// ```
    #[must_use]
    pub fn with_tokenizer_size(mut self, ids: usize) -> Self {
        self.tokenizer_size = ids.min(self.vocab_size());
        self
    }

    /// The same model, whose matrix products are in another precision where the device has it; those of
    /// [`forward_cached`](Self::forward_cached) for a token of few texts stay as they are, for their time goes
    /// into reading the weights.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// The same model with a fixed key: each of its passes has the same dropout masks. For a copy that makes one of
    /// several passes at once. Without this crate's kernels the device draws the masks and ignores the key.
    #[must_use]
    pub fn with_dropout_key(self, key: DropoutKey) -> Self {
        Self { dropout_key: Some(key), ..self }
    }

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
        let table = self.tables.wte.as_ref();
        table.map_or_else(|| self.wte.weight.lazy_shape()[0], |table| table.to())
    }

    /// Number of token ids that the [tokenizer](Self::with_tokenizer_size) has; without one, all.
    #[must_use]
    pub fn tokenizer_size(&self) -> usize {
        self.tokenizer_size
    }

    /// The head of the loss, its rows whose ids the tokenizer has: `[tokenizer_size, n_embd]`.
    #[must_use]
    pub fn output_embedding(&self) -> Tensor<2> {
        let head = self.head_weight();
        if self.tokenizer_size == head.dims()[0] {
            head
        } else {
            head.narrow(0, 0, self.tokenizer_size)
        }
    }

    /// Token ids `[batch, time]` to the normalised residual stream `[batch, time, n_embd]`.
    ///
    /// # Panics
    /// Where `time` exceeds [`block_size`](Self::block_size).
    #[must_use]
    pub fn hidden(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        self.hidden_of(tokens, None)
    }

    /// As [`hidden`](Self::hidden), of rows that have several examples each, which do not see each other.
    ///
    /// # Panics
    /// As [`hidden`](Self::hidden), with the longest example in place of `time`.
    #[must_use]
    pub fn hidden_of(&self, tokens: Tensor<2, Int>, segments: Option<&Segments>) -> Tensor<3> {
        let mut context = self.training_context(tokens.dims()[1], segments);
        let x = self.embed(tokens, segments, &mut context);
        let x = self.h.iter().fold(x, |x, block| block.forward(x, &mut context));
        self.ln_f.forward(x)
    }

    /// For a pass over `time` positions from the first on, which drops elements where the device differentiates.
    pub(super) fn training_context(&self, time: usize, segments: Option<&Segments>) -> Context {
        let device = self.wte.weight.lazy_device();
        let dropout = DropoutState::new(&device, self.dropout_key);
        let time = segments.map_or(time, Segments::longest);
        let context = self.context(dropout, &self.first_positions(time));
        Context { apart: segments.map(|segments| segments.apart(&device)), ..context }
    }

    /// One row of positions for all sequences.
    pub(super) fn first_positions(&self, time: usize) -> [Vec<usize>; 1] {
        let block_size = self.block_size();
        assert!(time <= block_size, "{time} tokens exceed the context of {block_size}");
        [(0..time).collect()]
    }

    /// What a pass over these positions needs; `positions` has a row for each sequence, or one row for all.
    pub(super) fn context(&self, dropout: DropoutState, positions: &[Vec<usize>]) -> Context {
        let rotation = match self.config.position {
            Position::Learned => None,
            Position::Rotary(config) => {
                let device = self.wte.weight.lazy_device();
                Some(Rotation::new(config, self.config.head_size(), positions, &device))
            }
        };
        Context { dropout, precision: self.precision, rotation, apart: None }
    }

    /// Token ids `[batch, time]` at the first positions, or those of their segments, to `[batch, time, n_embd]`.
    pub(super) fn embed(
        &self,
        tokens: Tensor<2, Int>,
        segments: Option<&Segments>,
        context: &mut Context,
    ) -> Tensor<3> {
        if let (Some(segments), Some(wpe)) = (segments, &self.wpe) {
            let device = tokens.device();
            let positions = position_ids(&[segments.positions()], &device).reshape(tokens.dims());
            let x = match &self.tables.wte {
                Some(table) => ops::frozen_embed(&tokens, table),
                None => self.wte.forward(tokens),
            };
            return context.dropout.next(&self.dropout).apply(x + wpe.forward(positions));
        }
        let wpe = self.wpe.as_ref().map(|wpe| wpe.weight.val());
        if let Some(table) = &self.tables.wte {
            let (time, x) = (tokens.dims()[1], ops::frozen_embed(&tokens, table));
            let x = match wpe {
                Some(wpe) => x + wpe.narrow(0, 0, time).unsqueeze(), // [1, time, n_embd]
                None => x,
            };
            return context.dropout.next(&self.dropout).apply(x);
        }
        let wte = self.wte.weight.val();
        ops::embed(tokens, wte, wpe, context.dropout.next(&self.dropout))
    }

    /// Logits of the next token at every position, `[batch, time]` to `[batch, time, vocab_size]`.
    ///
    /// # Panics
    /// As [`hidden`](Self::hidden).
    #[must_use]
    pub fn forward(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        self.head(self.hidden(tokens))
    }

    /// Logits after the last position only, `[batch, time]` to `[batch, vocab_size]`.
    ///
    /// # Panics
    /// As [`hidden`](Self::hidden).
    #[must_use]
    pub fn forward_last(&self, tokens: Tensor<2, Int>) -> Tensor<2> {
        let [_, time] = tokens.dims();
        let last = self.hidden(tokens).narrow(1, time - 1, 1); // [batch, 1, n_embd]
        self.head(last).squeeze_dim(1)
    }

    /// Logits after the last of the tokens `[batch, time]` that follow those in `cache`, which they
    /// join: `[batch, vocab_size]`.
    ///
    /// ```
    /// use burn::tensor::{Device, Int, Tensor};
    /// use minigpt_model::{Gpt, GptConfig, KvCache};
    ///
    /// let device = Device::flex();
    /// let model = Gpt::init(&GptConfig::tiny(256), 0, &device)?;
    /// let mut cache = KvCache::new(vec![0]); // one sequence, without padding
    /// model.forward_cached(Tensor::<2, Int>::from_data([[72, 101, 108]], &device), &mut cache);
    /// let logits = model.forward_cached(Tensor::<2, Int>::from_data([[108]], &device), &mut cache);
    /// assert_eq!((logits.dims(), cache.len()), ([1, 256], 4));
    /// # Ok::<(), minigpt_model::ConfigError>(())
    /// ```
    ///
    /// # Panics
    /// Where the cache then exceeds [`block_size`](Self::block_size), or was made for another batch.
    pub fn forward_cached(&self, tokens: Tensor<2, Int>, cache: &mut KvCache) -> Tensor<2> {
        let [_, time] = tokens.dims();
        let device = tokens.device();
        let (positions, mask) = cache.advance(time, self.block_size(), &device);
        let mut context = self.context(DropoutState::off(), &positions);
        let x = match &self.tables.wte {
            Some(table) => ops::frozen_embed(&tokens, table),
            None => self.wte.forward(tokens),
        };
        let x = match &self.wpe {
            Some(wpe) => x + wpe.forward(position_ids(&positions, &device)),
            None => x,
        };
        let layers = self.h.iter().zip(cache.layers(self.h.len()));
        let x = layers.fold(x, |x, (block, layer)| {
            block.forward_cached(x, mask.clone(), layer, &mut context)
        });
        let last = self.ln_f.forward(x.narrow(1, time - 1, 1)); // [batch, 1, n_embd]
        self.head(last).squeeze_dim(1)
    }

    /// Sum, in nats, of the cross-entropy over all targets that are not
    /// [`IGNORE_INDEX`](crate::IGNORE_INDEX): `[1]`.
    ///
    /// `tokens` and `targets` are `[batch, time]`. A sum and not a mean, because only sums over
    /// batches of different sizes add up to the loss of a whole text: divide by the number of
    /// targets that count.
    ///
    /// # Panics
    /// As [`hidden`](Self::hidden).
    #[must_use]
    pub fn loss_sum(&self, tokens: Tensor<2, Int>, targets: Tensor<2, Int>) -> Tensor<1> {
        self.smoothed_loss_sum(tokens, targets, 0.0).objective
    }

    /// As [`loss_sum`](Self::loss_sum), with label smoothing in the part that is minimised
    /// ([Szegedy et al., 2016](https://arxiv.org/abs/1512.00567)).
    ///
    /// # Panics
    /// As [`hidden`](Self::hidden).
    #[must_use]
    pub fn smoothed_loss_sum(
        &self,
        tokens: Tensor<2, Int>,
        targets: Tensor<2, Int>,
        smoothing: f64,
    ) -> SmoothedLoss {
        self.loss_of_hidden(self.hidden(tokens), None, targets, smoothing)
    }

    /// As [`smoothed_loss_sum`](Self::smoothed_loss_sum), of what [`hidden`](Self::hidden) gave, `[batch, time,
    /// n_embd]`, with a `head` `[classes, n_embd]` whose targets are numbers of classes, mostly one in a row, after its
    /// last token; without one, with the [output embedding](Self::output_embedding).
    #[must_use]
    pub fn loss_of_hidden(
        &self,
        hidden: Tensor<3>,
        head: Option<Tensor<2>>,
        targets: Tensor<2, Int>,
        smoothing: f64,
    ) -> SmoothedLoss {
        let hidden = hidden.flatten(0, 1); // [batch * time, n_embd]
        let targets = targets.flatten(0, 1); // [batch * time]
        let (rows, precision) = (self.tokenizer_size, self.precision);
        if let Some(frozen) = self.frozen_head().filter(|_| head.is_none()) {
            return ops::frozen_cross_entropy(hidden, frozen, rows, targets, smoothing, precision);
        }
        let head = head.unwrap_or_else(|| self.output_embedding());
        ops::linear_cross_entropy(hidden, head, targets, smoothing, precision)
    }

    /// As [`loss_of_hidden`](Self::loss_of_hidden) with the output embedding, and with teachers, which know the same ids.
    ///
    /// # Panics
    /// Where a teacher has other tokens or another vocabulary, or the output embedding is frozen.
    #[must_use]
    pub fn distilled_loss_of_hidden(
        &self,
        hidden: Tensor<3>,
        targets: Tensor<2, Int>,
        lesson: &Lesson,
    ) -> SmoothedLoss {
        assert!(self.frozen_head().is_none(), "a frozen head learns from no teacher");
        let (hidden, targets) = (hidden.flatten(0, 1), targets.flatten(0, 1));
        ops::distillation(hidden, self.output_embedding(), targets, lesson, self.precision)
    }

    /// The head that is not trained.
    pub(super) fn frozen_head(&self) -> Option<&Arc<Frozen>> {
        if self.config.tied { self.tables.wte.as_ref() } else { self.tables.head.as_ref() }
    }

    /// The head's matrix, `[vocab_size, n_embd]`.
    pub(super) fn head_weight(&self) -> Tensor<2> {
        if let Some(frozen) = self.frozen_head() {
            let values = frozen.read_rows(0..frozen.to());
            let values = TensorData::new(values, [frozen.to(), frozen.from()]);
            return Tensor::from_data(values, &self.ln_f.weight.lazy_device());
        }
        match &self.lm_head {
            None => self.wte.weight.val(),
            Some(head) => head.weight.val(),
        }
    }

    /// What [`hidden`](Self::hidden) gave, `[batch, time, n_embd]`, to logits `[batch, time, vocab_size]`; those of padding
    /// are minus infinity.
    #[must_use]
    pub fn head(&self, hidden: Tensor<3>) -> Tensor<3> {
        let logits = match self.frozen_head() {
            Some(frozen) => ops::frozen_head(hidden, frozen),
            None => ops::head(hidden, self.head_weight()),
        };
        let [_, _, vocab_size] = logits.dims();
        if self.tokenizer_size == vocab_size {
            return logits;
        }
        logits.slice_fill(s![.., .., self.tokenizer_size..], f32::NEG_INFINITY)
    }
}

/// Ids of the position embedding, `[1 or batch, time]`.
fn position_ids(positions: &[Vec<usize>], device: &Device) -> Tensor<2, Int> {
    let ids: Vec<i32> = positions.iter().flatten().map(|position| *position as i32).collect();
    let shape = [positions.len(), ids.len() / positions.len()];
    Tensor::from_data(TensorData::new(ids, shape), device)
}
