//! Cross-entropy of a tied head.

use burn::tensor::{Int, Tensor, activation};

/// A target with this value does not count, as in PyTorch's `cross_entropy`.
pub const IGNORE_INDEX: i32 = -100;

/// Sum in nats of the cross-entropy of `hidden · headᵀ` against `targets`: `[1]`.
///
/// `hidden` is `[batch, time, n_embd]`, `head` `[vocab_size, n_embd]`, `targets` `[batch, time]`
/// of token ids or [`IGNORE_INDEX`].
pub(crate) fn cross_entropy_sum(
    hidden: Tensor<3>,
    head: Tensor<2>,
    targets: Tensor<2, Int>,
) -> Tensor<1> {
    let [batch, time, n_embd] = hidden.dims();
    let logits = hidden.reshape([batch * time, n_embd]).matmul(head.transpose());
    let targets = targets.reshape([batch * time, 1]);

    let ignored = targets.clone().lower_elem(0);
    let log_probabilities = activation::log_softmax(logits, 1); // [batch * time, vocab_size]
    let nats = log_probabilities.gather(1, targets.clamp_min(0)).neg(); // [batch * time, 1]
    nats.mask_fill(ignored, 0.0).sum()
}
