//! The whole model: embeddings, blocks, final LayerNorm, head tied to the token embedding.

use burn::module::{Module, Param};
use burn::nn::{Dropout, DropoutConfig, Embedding, Linear};
use burn::tensor::{Device, Int, Tensor, TensorData, s};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal, NormalError};

use crate::model::attention::CausalSelfAttention;
use crate::model::block::{Block, LayerNorm, Mlp};
use crate::model::cache::KvCache;
use crate::model::config::{ConfigError, GptConfig};
use crate::model::loss::SmoothedLoss;
use crate::ops::Precision;
use crate::ops::plain::causal_mask;
use crate::ops::{self, Chances};

/// Deviation of initial weights.
const STD: f32 = 0.02;

/// GPT-2's architecture ([Radford et al., 2019](https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf)).
///
/// Field names, and so the paths of the weights (`h.0.attn.c_attn.weight`, …), are GPT-2's.
/// The output head is `wte` transposed and has no weights of its own.
#[derive(Module, Debug)]
pub struct Gpt {
    /// Token embedding and output head, `[vocab_size, n_embd]`.
    pub wte: Embedding,
    /// Position embedding, `[block_size, n_embd]`.
    pub wpe: Embedding,
    /// The transformer blocks, first to last.
    pub h: Vec<Block>,
    /// Normalises the residual stream before the head.
    pub ln_f: LayerNorm,
    dropout: Dropout,
    #[module(skip)]
    precision: Precision,
    /// At most the rows of `wte`.
    #[module(skip)]
    tokenizer_size: usize,
}

impl Gpt {
    /// A model with fresh weights on `device`, a pure function of `config` and `seed`: the same on
    /// every device.
    ///
    /// Weights are drawn from N(0, 0.02); `c_proj`, which adds to the residual stream twice per
    /// block, from N(0, 0.02 / √(2·n_layer)), so that the stream's variance does not grow with
    /// depth (GPT-2 paper, section 2.3). Biases are zero, LayerNorm scales one.
    ///
    /// # Errors
    /// [`ConfigError`] where the configuration describes no model.
    pub fn init(config: &GptConfig, seed: u64, device: &Device) -> Result<Self, ConfigError> {
        config.validate()?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let residual_std = STD / (2.0 * config.n_layer as f32).sqrt();
        let drawn = |name: &str, shape: &[usize]| {
            let values = match (shape.len(), name) {
                (2, name) if name.ends_with("c_proj.weight") => {
                    normal(&mut rng, shape, residual_std)
                }
                (2, _) => normal(&mut rng, shape, STD),
                (_, name) if name.ends_with("weight") => vec![1.0; shape[0]],
                _ => vec![0.0; shape[0]],
            };
            Ok(TensorData::new(values, shape))
        };
        Self::assemble(config, device, drawn)
    }

    /// The model of `config` with the parameters that `source` gives for a name and a shape, asked
    /// for in the order of [`GptConfig::parameters`].
    pub(crate) fn assemble<E>(
        config: &GptConfig,
        device: &Device,
        source: impl FnMut(&str, &[usize]) -> Result<TensorData, E>,
    ) -> Result<Self, E> {
        let mut parts = Assembly { device, source };
        let (n_embd, n_inner) = (config.n_embd, config.n_inner);
        let dropout = |rate: f64| DropoutConfig::new(rate).init();
        let precision = Precision::default();

        let wte = Embedding { weight: parts.parameter("wte.weight", [config.vocab_size, n_embd])? };
        let wpe = Embedding { weight: parts.parameter("wpe.weight", [config.block_size, n_embd])? };
        let mut block = |index: usize| {
            let name = |part: &str| format!("h.{index}.{part}");
            Ok(Block {
                ln_1: parts.layer_norm(&name("ln_1"), n_embd)?,
                attn: CausalSelfAttention {
                    c_attn: parts.linear(&name("attn.c_attn"), n_embd, 3 * n_embd)?,
                    c_proj: parts.linear(&name("attn.c_proj"), n_embd, n_embd)?,
                    dropout: dropout(config.attn_pdrop),
                    n_head: config.n_head,
                    precision,
                },
                ln_2: parts.layer_norm(&name("ln_2"), n_embd)?,
                mlp: Mlp {
                    c_fc: parts.linear(&name("mlp.c_fc"), n_embd, n_inner)?,
                    c_proj: parts.linear(&name("mlp.c_proj"), n_inner, n_embd)?,
                    precision,
                },
                dropout: dropout(config.resid_pdrop),
            })
        };
        let h = (0..config.n_layer).map(&mut block).collect::<Result<_, E>>()?;
        let ln_f = parts.layer_norm("ln_f", n_embd)?;
        let (dropout, tokenizer_size) = (dropout(config.embd_pdrop), config.vocab_size);
        Ok(Self { wte, wpe, h, ln_f, dropout, precision, tokenizer_size })
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
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        for block in &mut self.h {
            block.attn.precision = precision;
            block.mlp.precision = precision;
        }
        self
    }

    /// Longest context in tokens.
    pub fn block_size(&self) -> usize {
        self.wpe.weight.lazy_shape()[0]
    }

    /// Number of token ids, padding included: the width of the logits.
    pub fn vocab_size(&self) -> usize {
        self.wte.weight.lazy_shape()[0]
    }

    /// Number of token ids that the [tokenizer](Self::with_tokenizer_size) has; without one, all.
    pub fn tokenizer_size(&self) -> usize {
        self.tokenizer_size
    }

    /// The head of the loss: the rows of `wte` whose ids the tokenizer has, `[tokenizer_size, n_embd]`.
    pub fn output_embedding(&self) -> Tensor<2> {
        let wte = self.wte.weight.val();
        if self.tokenizer_size == wte.dims()[0] {
            wte
        } else {
            wte.narrow(0, 0, self.tokenizer_size)
        }
    }

    /// Token ids `[batch, time]` to the normalised residual stream `[batch, time, n_embd]`.
    ///
    /// # Panics
    /// Where `time` exceeds [`block_size`](Self::block_size): there is no position embedding to
    /// give such a token.
    pub fn hidden(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        let [_, time] = tokens.dims();
        let block_size = self.block_size();
        assert!(time <= block_size, "{time} tokens exceed the context of {block_size}");

        let mut chances = Chances::draw(&self.wte.weight.lazy_device());
        let x = self.embed(tokens, &mut chances);
        let x = self.h.iter().fold(x, |x, block| block.forward(x, &mut chances));
        self.ln_f.forward(x)
    }

    /// Token ids `[batch, time]` at the first positions to `[batch, time, n_embd]`.
    pub(crate) fn embed(&self, tokens: Tensor<2, Int>, chances: &mut Chances) -> Tensor<3> {
        let [wte, wpe] = [&self.wte, &self.wpe].map(|embedding| embedding.weight.val());
        ops::embed(tokens, wte, wpe, chances.next(&self.dropout))
    }

    /// Logits of the next token at every position, `[batch, time]` to `[batch, time, vocab_size]`.
    ///
    /// # Panics
    /// As [`hidden`](Self::hidden).
    pub fn forward(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        self.head(self.hidden(tokens))
    }

    /// Logits after the last position only, `[batch, time]` to `[batch, vocab_size]`.
    ///
    /// # Panics
    /// As [`hidden`](Self::hidden).
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
        let x = self.wte.forward(tokens) + self.wpe.forward(positions);
        let layers = self.h.iter().zip(cache.layers(self.h.len()));
        let x = layers.fold(x, |x, (block, layer)| block.forward_cached(x, mask.clone(), layer));
        let last = self.ln_f.forward(x.narrow(1, time - 1, 1)); // [batch, 1, n_embd]
        self.head(last).squeeze_dim(1)
    }

    /// How much each position attends to each other while the model reads `[batch, time]`: for each
    /// block `[batch, n_head, time, time]`, rows are queries and sum to one.
    ///
    /// ```
    /// use burn::tensor::{Device, Int, Tensor};
    /// use minigpt_model::{Gpt, GptConfig};
    ///
    /// let device = Device::flex();
    /// let config = GptConfig::tiny(256);
    /// let model = Gpt::init(&config, 0, &device)?;
    /// let maps = model.attention(Tensor::<2, Int>::from_data([[72, 101, 108]], &device));
    /// assert_eq!((maps.len(), maps[0].dims()), (config.n_layer, [1, config.n_head, 3, 3]));
    /// # Ok::<(), minigpt_model::ConfigError>(())
    /// ```
    ///
    /// # Panics
    /// As [`hidden`](Self::hidden).
    pub fn attention(&self, tokens: Tensor<2, Int>) -> Vec<Tensor<4>> {
        let mask = causal_mask(tokens.dims()[1], &tokens.device());
        let mut x = self.embed(tokens, &mut Chances::none());
        let mut traces = Vec::with_capacity(self.h.len());
        for block in &self.h {
            let (next, weights) = block.forward_traced(x, mask.clone());
            traces.push(weights);
            x = next;
        }
        traces
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
    pub fn loss_sum(&self, tokens: Tensor<2, Int>, targets: Tensor<2, Int>) -> Tensor<1> {
        self.smoothed_loss_sum(tokens, targets, 0.0).objective
    }

    /// As [`loss_sum`](Self::loss_sum), with label smoothing in the part that is minimised
    /// ([Szegedy et al., 2016](https://arxiv.org/abs/1512.00567)).
    ///
    /// # Panics
    /// As [`hidden`](Self::hidden).
    pub fn smoothed_loss_sum(
        &self,
        tokens: Tensor<2, Int>,
        targets: Tensor<2, Int>,
        smoothing: f64,
    ) -> SmoothedLoss {
        self.loss_of_hidden(self.hidden(tokens), self.output_embedding(), targets, smoothing)
    }

    /// As [`smoothed_loss_sum`](Self::smoothed_loss_sum), of what [`hidden`](Self::hidden) gave, `[batch, time,
    /// n_embd]`, with a `head` `[classes, n_embd]`: the [output embedding](Self::output_embedding), or another, whose
    /// targets are numbers of classes, mostly one in a row, after its last token.
    pub fn loss_of_hidden(
        &self,
        hidden: Tensor<3>,
        head: Tensor<2>,
        targets: Tensor<2, Int>,
        smoothing: f64,
    ) -> SmoothedLoss {
        let hidden = hidden.flatten(0, 1); // [batch * time, n_embd]
        let targets = targets.flatten(0, 1); // [batch * time]
        ops::linear_cross_entropy(hidden, head, targets, smoothing, self.precision)
    }

    /// `[batch, time, n_embd]` to logits `[batch, time, vocab_size]`.
    fn head(&self, hidden: Tensor<3>) -> Tensor<3> {
        let logits = ops::head(hidden, self.wte.weight.val());
        let [_, _, vocab_size] = logits.dims();
        if self.tokenizer_size == vocab_size {
            return logits;
        }
        logits.slice_fill(s![.., .., self.tokenizer_size..], f32::NEG_INFINITY)
    }
}

/// `product(shape)` values from N(0, std).
fn normal(rng: &mut ChaCha8Rng, shape: &[usize], std: f32) -> Vec<f32> {
    let normal: Result<Normal<f32>, NormalError> = Normal::new(0.0, std);
    let normal = normal.expect("a positive finite deviation");
    normal.sample_iter(rng).take(shape.iter().product()).collect()
}

/// The parts of a model, from parameters by name.
struct Assembly<'a, S> {
    device: &'a Device,
    source: S,
}

impl<S, E> Assembly<'_, S>
where
    S: FnMut(&str, &[usize]) -> Result<TensorData, E>,
{
    fn parameter<const D: usize>(
        &mut self,
        name: &str,
        shape: [usize; D],
    ) -> Result<Param<Tensor<D>>, E> {
        Ok(Param::from_data((self.source)(name, &shape)?, self.device))
    }

    fn linear(&mut self, name: &str, from: usize, to: usize) -> Result<Linear, E> {
        let weight = self.parameter(&format!("{name}.weight"), [from, to])?;
        let bias = self.parameter(&format!("{name}.bias"), [to])?;
        Ok(Linear { weight, bias: Some(bias) })
    }

    fn layer_norm(&mut self, name: &str, n_embd: usize) -> Result<LayerNorm, E> {
        let weight = self.parameter(&format!("{name}.weight"), [n_embd])?;
        let bias = self.parameter(&format!("{name}.bias"), [n_embd])?;
        Ok(LayerNorm { weight, bias })
    }
}
