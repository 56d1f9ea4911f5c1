//! What a training step minimises, and what it reports.

use burn::tensor::Tensor;

/// A target with this value does not count, as in PyTorch's `cross_entropy`.
pub const IGNORE_INDEX: i32 = -100;

/// What a training step minimises, and what it reports.
#[derive(Clone, Debug)]
pub struct SmoothedLoss {
    /// Sum over the targets of the loss with label smoothing, `[1]`: `1 - smoothing` of a target is the
    /// token, the rest is spread evenly over all ids, the token's own included.
    pub objective: Tensor<1>,
    /// Sum over the targets of the cross-entropy in nats, `[1]`: a figure without gradient.
    pub nats: Tensor<1>,
}

/// What teachers make of the tokens of a batch, from which a model learns beside its targets ([Hinton et al.,
/// 2015](https://arxiv.org/abs/1503.02531)).
#[derive(Clone, Debug)]
pub struct Lesson {
    /// Of each teacher the hidden states `[tokens, its n_embd]` and the head `[vocab_size, its n_embd]`, without
    /// gradients. Their probabilities are averaged.
    pub teachers: Vec<[Tensor<2>; 2]>,
    /// The share `α` of the objective that is the teachers'; the targets have the rest.
    pub weight: f64,
    /// The temperature `T` of teachers and student in the teachers' share.
    pub temperature: f64,
}
