//! Which models there are, and which of them a budget allows.

use minigpt_data::DataError;
use minigpt_model::GptConfig;

use super::recipe::{batch_size, weights_in_blocks};
use super::{MicroBatch, TOKENS_PER_PARAMETER};
use crate::error::TrainError;
use crate::plan::cost::operations_per_token;
use crate::plan::workload::Workload;

/// Width over layers, that of GPT-2's smallest; narrower models have no fewer layers than the tutorial's.
const WIDTH_PER_LAYER: usize = 64;
const LEAST_LAYERS: usize = 4;

/// Widest model considered.
const MAX_WIDTH: usize = 8192;

/// Most tokens that go through the model at once: more are no faster on any device that is measured here.
const AT_ONCE: usize = 1 << 14;

/// Tokens read for each weight of the blocks where time is short: 1.8 were better than 0.4 in `docs/experiments.md`.
const TOKENS_PER_WEIGHT: f64 = 1.0;

/// Passes over a text after which a run within a time ends, though time be left: more were not tried.
const MOST_PASSES: u64 = 40;

impl Workload<'_> {
    /// Makes sure that both texts have the tokens of a window, as training will.
    pub(super) fn check_texts(&self) -> Result<(), TrainError> {
        let tokens = self.train_tokens.min(self.valid_tokens);
        let given = self.block_size.or(self.model.map(|model| model.block_size));
        let block_size = given.unwrap_or(1);
        match tokens > block_size {
            true => Ok(()),
            false => Err(DataError::TooFewTokens { tokens, block_size }.into()),
        }
    }

    /// The longest context, a power of two, of which both texts have a window.
    fn longest_context(&self) -> usize {
        let positions = self.train_tokens.min(self.valid_tokens).saturating_sub(1);
        1 << positions.max(1).ilog2()
    }

    /// A model with the workload's vocabulary and, where it says so, context.
    pub(super) fn given(&self, model: &GptConfig) -> Result<GptConfig, TrainError> {
        let block_size = self.block_size.unwrap_or(model.block_size);
        let model = GptConfig { vocab_size: self.vocab_size, block_size, ..model.clone() };
        model.validate()?;
        Ok(model)
    }

    /// Models of the recipe's shape in GPT-2's proportions, smallest first.
    fn models(&self) -> impl Iterator<Item = GptConfig> {
        let widths = (1..).map(|index| 32 * index).take_while(|width| *width <= MAX_WIDTH);
        widths.map(|width| self.of_width(width, (width / WIDTH_PER_LAYER).max(LEAST_LAYERS)))
    }

    /// The smallest model.
    pub(super) fn least(&self) -> GptConfig {
        self.of_width(32, LEAST_LAYERS)
    }

    pub(super) fn of_width(&self, n_embd: usize, n_layer: usize) -> GptConfig {
        let head_size = if n_embd >= 256 && n_embd.is_multiple_of(64) { 64 } else { 32 };
        // Longer contexts cost short runs more steps than they are worth.
        let usual = (n_embd.next_power_of_two() / 2).clamp(128, 1024);
        let block_size = self.block_size.unwrap_or(usual.min(self.longest_context()));
        let model = of_width(&self.recipe.model, n_embd, n_embd / head_size);
        GptConfig { vocab_size: self.vocab_size, block_size, n_layer, ..model }
    }

    /// The model nearest to a number of parameters; of those that are near, the one of the best proportions.
    pub(super) fn nearest(&self, parameters: u64) -> Result<GptConfig, TrainError> {
        let distance = |model: &GptConfig| {
            let size = model.parameter_counts().total() as f64 / parameters as f64;
            let shape = model.n_embd as f64 / (WIDTH_PER_LAYER * model.n_layer) as f64;
            10.0 * size.ln().abs() + shape.ln().abs()
        };
        let layers = |model: GptConfig| {
            let usual = model.n_layer;
            (usual.div_ceil(2).max(2)..=2 * usual)
                .map(move |n_layer| self.of_width(model.n_embd, n_layer))
        };
        let valid = self.models().flat_map(layers).filter(|model| model.validate().is_ok());
        let nearest = valid.min_by(|a, b| distance(a).total_cmp(&distance(b)));
        let is_near = |model: &GptConfig| {
            let size = model.parameter_counts().total() as f64 / parameters as f64;
            (0.5..2.0).contains(&size)
        };
        nearest.filter(is_near).ok_or_else(|| {
            let least = self.least().parameter_counts().total();
            let what = format!("{parameters} parameters");
            TrainError::Budget {
                what,
                expected: format!("{least} to {}", GptConfig::MAX_PARAMETERS),
            }
        })
    }

    /// The most tokens that a run within a time reads.
    pub(super) fn most_tokens(&self) -> u64 {
        MOST_PASSES * self.train_tokens as u64
    }

    /// The largest model that trains in so much memory; and on as many tokens as suit it in so many
    /// operations, where there is an end to them.
    pub(super) fn largest(
        &self,
        memory: u64,
        operations: Option<f64>,
    ) -> Result<(GptConfig, MicroBatch), TrainError> {
        let is_affordable = |model: &GptConfig| {
            operations.is_none_or(|operations| {
                let tokens = TOKENS_PER_WEIGHT * weights_in_blocks(model) as f64;
                tokens * operations_per_token(model) <= operations
                    && tokens <= self.most_tokens() as f64
            })
        };
        let fitting = self
            .models()
            .take_while(|model| model.validate().is_ok())
            .enumerate()
            // There is always a smallest model: short of time, it sees fewer tokens.
            .take_while(|(index, model)| *index == 0 || is_affordable(model))
            .filter_map(|(_, model)| {
                self.micro_batch(&model, memory).map(|micro_batch| (model, micro_batch))
            });
        let largest = fitting.last().ok_or_else(|| self.too_little(&self.least(), memory));
        largest.map(|(model, micro_batch)| {
            // As many windows as a step will have.
            let tokens = match operations {
                Some(_) => TOKENS_PER_WEIGHT * weights_in_blocks(&model) as f64,
                None => TOKENS_PER_PARAMETER * model.parameter_counts().total() as f64,
            };
            let windows = micro_batch.windows.min(batch_size(&model, tokens as u64));
            (model, MicroBatch { windows, ..micro_batch })
        })
    }

    /// As many windows as go through the model at once in so much memory, block by block where not even
    /// one does otherwise.
    pub(super) fn micro_batch(&self, model: &GptConfig, limit: u64) -> Option<MicroBatch> {
        let most = (AT_ONCE / model.block_size).max(1);
        let powers = || std::iter::successors(Some(1), |windows| Some(2 * windows));
        let largest = |by_block: bool| {
            let micro_batches = powers().take_while(|windows| *windows <= most);
            let micro_batches = micro_batches.map(|windows| MicroBatch { windows, by_block });
            micro_batches.take_while(|micro_batch| self.memory(model, *micro_batch) <= limit).last()
        };
        largest(false).or_else(|| largest(true))
    }

    pub(super) fn too_little(&self, model: &GptConfig, limit: u64) -> TrainError {
        let micro_batch = MicroBatch { windows: 1, by_block: true };
        let least = self.memory(model, micro_batch).div_ceil(1 << 20);
        let parameters = model.parameter_counts().total();
        TrainError::TooLittleMemory { limit: limit >> 20, least, parameters }
    }
}

/// A model as wide as that, of the same proportions otherwise, each head with keys and values of its own.
pub(super) fn of_width(model: &GptConfig, n_embd: usize, n_head: usize) -> GptConfig {
    // What blocks of q8_0 and q4_0 divide.
    let n_inner = (model.n_inner * n_embd).div_ceil(model.n_embd).next_multiple_of(32);
    GptConfig { n_embd, n_head, n_inner, n_kv_head: None, head_size: None, ..model.clone() }
}
