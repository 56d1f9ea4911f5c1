//! What a run will cost, before it starts.

use minigpt_model::{GptConfig, ParameterCounts};
use serde::Serialize;

use crate::checkpoint::OnDamage;
use crate::config::RunConfig;
use crate::error::TrainError;
use crate::run::RunFolder;
use crate::train::{Length, TokenData, checkpoint_to_resume};

/// What a run is and what it will cost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// Parameters, part by part.
    pub parameters: ParameterCounts,
    /// Tokens of the training split.
    pub train_tokens: usize,
    /// Tokens of the validation split.
    pub valid_tokens: usize,
    /// Steps.
    pub length: Length,
    /// Those of them that a run to be resumed has taken.
    pub steps_taken: usize,
    /// Memory at its peak, in bytes.
    pub memory: MemoryEstimate,
    /// Floating-point operations of all steps that are left, validations apart.
    pub operations: f64,
    /// What a model that knows nothing loses per token: ln of the vocabulary.
    pub first_loss: f64,
}

impl Plan {
    /// The plan of a run with these data.
    ///
    /// # Errors
    /// As [`Length::new`].
    pub fn new(config: &RunConfig, data: &TokenData) -> Result<Self, TrainError> {
        let (model, training) = (&config.model, &config.training);
        let length = Length::new(config, data)?;
        let tokens =
            length.total_steps as f64 * training.batch_size as f64 * model.block_size as f64;
        let windows = training.batch_size.div_ceil(training.accumulation);
        Ok(Self {
            parameters: model.parameter_counts(),
            train_tokens: data.train.len(),
            valid_tokens: data.valid.len(),
            length,
            steps_taken: 0,
            memory: MemoryEstimate::new(model, windows),
            operations: tokens * operations_per_token(model),
            first_loss: (model.vocab_size as f64).ln(),
        })
    }

    /// What is left of the run in a folder, with its data; `damaged` hears of checkpoints from which
    /// it would not go on.
    ///
    /// # Errors
    /// [`TrainError::Complete`], [`TrainError::OutOfPatience`] or [`TrainError::NoCheckpoint`] where
    /// nothing can be resumed, or as [`Plan::new`].
    pub fn of_resumed(
        run: &RunFolder,
        data: &TokenData,
        damaged: OnDamage<'_>,
    ) -> Result<Self, TrainError> {
        let config = run.config()?;
        let set = checkpoint_to_resume(run, &config, data, damaged)?;
        let steps_taken = set.map_or(0, |manifest| manifest.step);
        let plan = Self::new(&config, data)?;
        let total = plan.length.total_steps;
        let left = total.saturating_sub(steps_taken) as f64 / total as f64;
        Ok(Self { steps_taken, operations: plan.operations * left, ..plan })
    }
}

/// Floating-point operations of training on one token: 6 for each weight of a matrix, forward and
/// backward, and 12 for each position attended to ([Chowdhery et al.,
/// 2022](https://arxiv.org/abs/2204.02311), appendix B).
fn operations_per_token(model: &GptConfig) -> f64 {
    let counts = model.parameter_counts();
    let weights = counts.total() - counts.wpe;
    let attended = (model.n_layer * model.n_embd) as f64 * model.block_size as f64;
    6.0 * weights as f64 + 12.0 * attended
}

/// An estimate of a training step's memory, in bytes, in `f32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MemoryEstimate {
    /// Weights, gradients and AdamW's two moments.
    pub state: u64,
    /// What the forward pass keeps for the backward pass, at its peak.
    pub activations: u64,
}

/// The program itself, a small corpus and its tokenizer.
const PROGRAM: u64 = 128 << 20;
/// `[time, time]` maps kept per head and layer: scores, masked, exponentials, weights, dropout.
const ATTENTION_MAPS: u128 = 6;
/// Vectors of `n_embd` kept per token and layer outside attention maps and perceptron.
const RESIDUAL_VECTORS: u128 = 22;
/// Vectors of `n_inner` kept per token and layer: before and inside the GELU.
const INNER_VECTORS: u128 = 5;
/// Copies of the logits alive at once around the softmax's backward.
const LOGITS: u128 = 3;

impl MemoryEstimate {
    /// The memory of a step of `batch_size` full windows.
    pub fn new(model: &GptConfig, batch_size: usize) -> Self {
        // Wide, because valid sizes can multiply to more than any memory has.
        let size = |n: usize| n as u128;
        let tokens = size(batch_size) * size(model.block_size);
        let maps = ATTENTION_MAPS * size(model.n_head) * size(model.block_size);
        let residual = RESIDUAL_VECTORS * size(model.n_embd);
        let inner = INNER_VECTORS * size(model.n_inner);
        let floats =
            size(model.n_layer) * (maps + residual + inner) + LOGITS * size(model.vocab_size);
        let activations = u64::try_from(4 * tokens * floats).unwrap_or(u64::MAX);
        Self { state: 16 * model.parameter_counts().total() as u64, activations }
    }

    /// Everything together, the program and its text included.
    pub fn total(&self) -> u64 {
        (PROGRAM + self.state).saturating_add(self.activations)
    }
}
