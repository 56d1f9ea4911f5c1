//! Low-rank adaptation: small trainable factors beside frozen matrices.

pub(crate) mod adapter;
mod dora;
mod error;
pub(crate) mod peft;
mod targets;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

use burn::module::{Module, Param, Reparameterizer};
use burn::nn::DropoutConfig;
use burn::tensor::{Tensor, TensorData};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal, Uniform};
use serde::{Deserialize, Serialize};

use crate::model::config::GptConfig;
use crate::model::gpt::Gpt;
use crate::model::linear::{LowRank, adapter};
pub use error::AdapterError;
use targets::Adapted;

/// The vectors of the tokens, which are the head too.
pub(crate) const EMBEDDING: &str = "wte";
const EMBEDDING_WEIGHT: &str = "wte.weight";

/// What is trained in place of the model's own weights ([Hu et al.,
/// 2021](https://arxiv.org/abs/2106.09685)).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoraConfig {
    /// Inner dimension of the factors.
    pub rank: usize,
    /// What the factors add is multiplied by `alpha / rank`.
    pub alpha: f64,
    /// Divide by the root of the rank instead, so that large ranks learn too ([Kalajdzievski,
    /// 2023](https://arxiv.org/abs/2312.03732)).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rank_stabilized: bool,
    /// Train the length of each column too, apart from its direction, to which the factors add: DoRA ([Liu et al.,
    /// 2024](https://arxiv.org/abs/2402.09353)).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dora: bool,
    /// Probability that an input of the factors is dropped while training; not of those beside `wte`, whose
    /// inputs are ids.
    pub dropout: f64,
    /// Matrices of every block: `c_attn`, `c_proj` (both of them) and `c_fc`, or one of the two as
    /// `attn.c_proj` or `mlp.c_proj`; and `wte`, the vectors of the tokens, adapted as the head too. In Llama and
    /// its relatives also transformers' names, as `q_proj`, of the matrices that `c_attn` and `c_fc` are made of.
    /// `all-linear` is all matrices of the blocks.
    pub targets: Vec<String>,
    /// What is trained whole, besides: `wte`, the vectors of the tokens and with them the head, or `embed_tokens`, as
    /// transformers calls it. PEFT's `modules_to_save`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub whole: Vec<String>,
}

impl LoraConfig {
    /// All matrices of the blocks, `alpha` twice the rank, no dropout.
    pub fn new(rank: usize) -> Self {
        let targets = ["c_attn", "c_proj", "c_fc"].map(str::to_owned).to_vec();
        let alpha = 2.0 * rank as f64;
        let (rank_stabilized, dora, dropout, whole) = (false, false, 0.0, Vec::new());
        Self { rank, alpha, rank_stabilized, dora, dropout, targets, whole }
    }

    /// Checks that the configuration describes an adapter of a model of that shape.
    ///
    /// # Errors
    /// [`AdapterError::Setting`] or [`AdapterError::Target`].
    pub fn validate(&self, model: &GptConfig) -> Result<(), AdapterError> {
        let largest = model.n_embd.min(model.n_inner);
        let checks = [
            ("rank", (1..=largest).contains(&self.rank), format!("1 to {largest}")),
            ("alpha", self.alpha > 0.0 && self.alpha.is_finite(), "a number above 0".to_owned()),
            ("dropout", (0.0..1.0).contains(&self.dropout), "0 <= dropout < 1".to_owned()),
            ("targets", !self.targets.is_empty(), "at least one matrix".to_owned()),
        ];
        if let Some((field, _, expected)) = checks.into_iter().find(|(_, holds, _)| !holds) {
            return Err(AdapterError::Setting { field, expected });
        }
        self.check_targets(model)?;
        self.check_whole(model)?;
        self.check_dora(model)
    }

    /// Number of trained parameters in an adapter of a model of that shape.
    #[must_use]
    pub fn parameters(&self, model: &GptConfig) -> usize {
        let of_matrix = |matrix: Adapted| {
            matrix.parameters(self.rank) + if self.dora { matrix.to() } else { 0 }
        };
        let whole = if self.whole.is_empty() { 0 } else { model.vocab_size * model.n_embd };
        self.matrices(model).map(of_matrix).sum::<usize>() + whole
    }

    pub(crate) fn scale(&self) -> f64 {
        let rank = self.rank as f64;
        self.alpha / if self.rank_stabilized { rank.sqrt() } else { rank }
    }
}

/// The values of a [`LowRank`].
pub(crate) struct Factors {
    /// `[from, parts * rank]`.
    pub(crate) a: TensorData,
    /// `[rank, to]`.
    pub(crate) b: TensorData,
    pub(crate) parts: Vec<Range<usize>>,
    pub(crate) lengths: Option<Lengths>,
}

/// The lengths of the columns that are adapted.
#[derive(Clone, Debug)]
pub(crate) struct Lengths {
    /// As they are trained.
    pub(crate) magnitude: Vec<f32>,
    /// Squares of those of the base.
    pub(crate) squares: Arc<Vec<f32>>,
}

/// Freezes all parameters, and puts factors beside those that `source` has some for by the name of
/// their layer.
struct Attach<S> {
    source: S,
    scale: f64,
    dropout: f64,
    /// Whether the vectors of the tokens are trained whole.
    trains_embedding: bool,
}

impl<S> Reparameterizer for Attach<S>
where
    S: FnMut(&str) -> Option<Factors>,
{
    type Reparam = LowRank;

    fn reparameterize<const D: usize>(
        &mut self,
        path: &str,
        param: Param<Tensor<D>>,
    ) -> (Param<Tensor<D>>, Option<LowRank>) {
        let is_whole = self.trains_embedding && path == EMBEDDING_WEIGHT;
        let base = param.set_require_grad(is_whole);
        let found = path.strip_suffix(".weight").and_then(&mut self.source);
        let factors = found.map(|Factors { a, b, parts, lengths }| {
            let magnitude = lengths.as_ref().map(|Lengths { magnitude, .. }| {
                let values = TensorData::new(magnitude.clone(), [magnitude.len()]);
                Param::from_data(values, &base.lazy_device())
            });
            let squares = lengths.map(|lengths| lengths.squares);
            let [a, b] = [a, b].map(|values| Param::from_data(values, &base.lazy_device()));
            let dropout = DropoutConfig::new(self.dropout).init();
            LowRank { a, b, scale: self.scale, dropout, parts, magnitude, squares }
        });
        (base, factors)
    }
}

impl Gpt {
    /// The model with its own weights frozen and fresh factors beside the matrices that `lora` names: a
    /// function of the configuration and the seed. It computes what it did before.
    ///
    /// Factors are drawn as PEFT draws them: `a` uniformly within `1 / √from`; of token vectors `b` normally,
    /// and `a` is zero.
    ///
    /// # Errors
    /// As [`LoraConfig::validate`].
    pub fn with_lora(self, lora: &LoraConfig, seed: u64) -> Result<Self, AdapterError> {
        lora.validate(self.config())?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut adapted = lora.by_layer(self.config());
        let mut lengths = self.lengths(lora);
        Ok(self.with_factors(lora, |layer| {
            let matrix = adapted.remove(layer)?;
            Some(fresh(matrix, lora.rank, lengths.remove(layer), &mut rng))
        }))
    }

    pub(crate) fn with_factors(
        self,
        lora: &LoraConfig,
        source: impl FnMut(&str) -> Option<Factors>,
    ) -> Self {
        let trains_embedding = !lora.whole.is_empty();
        let (scale, dropout) = (lora.scale(), lora.dropout);
        let attach = Attach { source, scale, dropout, trains_embedding };
        self.apply_reparameterization(attach)
    }

    /// The factors in the model's order, by the names of their layers.
    pub(crate) fn factors(&self) -> impl Iterator<Item = (String, &LowRank)> {
        let embedding = self.wte.weight.reparameterization();
        let embedding = embedding.map(|factors| (EMBEDDING.to_owned(), factors));
        embedding.into_iter().chain(self.h.iter().enumerate().flat_map(|(index, block)| {
            self.config().block_matrices().zip(block.matrices()).filter_map(move |(name, layer)| {
                Some((format!("h.{index}.{name}"), adapter(layer)?))
            })
        }))
    }
}

/// The first factors of a matrix.
fn fresh(matrix: Adapted, rank: usize, lengths: Option<Lengths>, rng: &mut ChaCha8Rng) -> Factors {
    let (from, inner, to) = (matrix.from, matrix.parts.len() * rank, matrix.to());
    let (a, b) = if matrix.layer == EMBEDDING {
        (vec![0.0; from * inner], StandardNormal.sample_iter(rng).take(rank * to).collect())
    } else {
        let bound = 1.0 / (from as f32).sqrt();
        let uniform = Uniform::new(-bound, bound).expect("a bound above zero");
        (uniform.sample_iter(rng).take(from * inner).collect(), vec![0.0; rank * to])
    };
    let (a, b): (Vec<f32>, Vec<f32>) = (a, b);
    Factors {
        a: TensorData::new(a, [from, inner]),
        b: TensorData::new(b, [rank, to]),
        parts: matrix.parts.into_iter().map(|part| part.columns).collect(),
        lengths,
    }
}
