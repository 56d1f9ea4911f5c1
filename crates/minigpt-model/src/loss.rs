//! Cross-entropy of a tied head.

use burn::tensor::{Int, Tensor, activation};

/// A target with this value does not count, as in PyTorch's `cross_entropy`.
pub const IGNORE_INDEX: i32 = -100;

/// What a training step minimises, and what it reports.
#[derive(Clone, Debug)]
pub struct SmoothedLoss {
    /// Sum over the targets of the loss with label smoothing, `[1]`.
    pub objective: Tensor<1>,
    /// Sum over the targets of the cross-entropy in nats, `[1]`.
    pub nats: Tensor<1>,
}

/// Sum in nats of the cross-entropy of `hidden · headᵀ` against `targets`: `[1]`.
///
/// `hidden` is `[batch, time, n_embd]`, `head` `[vocab_size, n_embd]`, `targets` `[batch, time]`
/// of token ids or [`IGNORE_INDEX`].
pub(crate) fn cross_entropy_sum(
    hidden: Tensor<3>,
    head: Tensor<2>,
    targets: Tensor<2, Int>,
) -> Tensor<1> {
    let (log_probabilities, targets) = log_probabilities(hidden, head, targets);
    nats_sum(log_probabilities, targets)
}

/// The same with a target smoothed over the vocabulary: `1 - smoothing` of it on the token, the
/// rest spread evenly over all ids, the token's own included.
pub(crate) fn smoothed_cross_entropy_sum(
    hidden: Tensor<3>,
    head: Tensor<2>,
    targets: Tensor<2, Int>,
    smoothing: f64,
) -> SmoothedLoss {
    if smoothing == 0.0 {
        let nats = cross_entropy_sum(hidden, head, targets);
        return SmoothedLoss { objective: nats.clone(), nats };
    }
    let (log_probabilities, targets) = log_probabilities(hidden, head, targets);
    let nats = nats_sum(log_probabilities.clone(), targets.clone());
    let even = log_probabilities.mean_dim(1).neg(); // [batch * time, 1]
    let even = even.mask_fill(targets.lower_elem(0), 0.0).sum();
    SmoothedLoss { objective: nats.clone() * (1.0 - smoothing) + even * smoothing, nats }
}

/// `[batch * time, vocab_size]`, and the targets as `[batch * time, 1]`.
fn log_probabilities(
    hidden: Tensor<3>,
    head: Tensor<2>,
    targets: Tensor<2, Int>,
) -> (Tensor<2>, Tensor<2, Int>) {
    let [batch, time, n_embd] = hidden.dims();
    let logits = hidden.reshape([batch * time, n_embd]).matmul(head.transpose());
    (activation::log_softmax(logits, 1), targets.reshape([batch * time, 1]))
}

fn nats_sum(log_probabilities: Tensor<2>, targets: Tensor<2, Int>) -> Tensor<1> {
    let ignored = targets.clone().lower_elem(0);
    let nats = log_probabilities.gather(1, targets.clamp_min(0)).neg(); // [batch * time, 1]
    nats.mask_fill(ignored, 0.0).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn smoothing_mixes_the_token_with_the_whole_vocabulary() {
        let device = Device::flex();
        // Logits are `hidden` itself under an identity head.
        let hidden = Tensor::<3>::from_floats([[[1.0, 2.0, 0.5], [0.0, -1.0, 3.0]]], &device);
        let head = Tensor::<2>::eye(3, &device);
        let targets = Tensor::<2, Int>::from_ints([[2, IGNORE_INDEX]], &device);
        let loss = smoothed_cross_entropy_sum(hidden, head, targets, 0.1);
        // torch.nn.functional.cross_entropy([[1, 2, .5]], [2], label_smoothing=.0 and .1)
        let close = |tensor: Tensor<1>, expected: f32| {
            assert!((tensor.into_scalar::<f32>() - expected).abs() < 1e-5);
        };
        close(loss.nats, 1.964_366);
        close(loss.objective, 1.897_699_3);
    }
}
