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
