//! What a run will cost in memory, before it starts.

use minigpt_model::GptConfig;
use serde::Serialize;

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
const ATTENTION_MAPS: u64 = 6;
/// Vectors of `n_embd` kept per token and layer outside attention maps and perceptron.
const RESIDUAL_VECTORS: u64 = 22;
/// Vectors of `n_inner` kept per token and layer: before and inside the GELU.
const INNER_VECTORS: u64 = 5;
/// Copies of the logits alive at once around the softmax's backward.
const LOGITS: u64 = 3;

impl MemoryEstimate {
    /// The memory of a step of `batch_size` full windows.
    pub fn new(model: &GptConfig, batch_size: usize) -> Self {
        let size = |n: usize| n as u64;
        let tokens = size(batch_size * model.block_size);
        let maps = ATTENTION_MAPS * size(model.n_head * model.block_size);
        let residual = RESIDUAL_VECTORS * size(model.n_embd);
        let inner = INNER_VECTORS * size(model.n_inner);
        let floats =
            size(model.n_layer) * (maps + residual + inner) + LOGITS * size(model.vocab_size);
        let parameters = size(model.parameter_counts().total());
        Self { state: 16 * parameters, activations: 4 * tokens * floats }
    }

    /// Everything together, the program and its text included.
    pub fn total(&self) -> u64 {
        PROGRAM + self.state + self.activations
    }
}
