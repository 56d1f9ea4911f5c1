//! Cross-entropy of a linear head in chunks of tokens, of burn's own operations: the logits of all tokens
//! never exist at once, which for a vocabulary of GPT-2's size is most of a training step's memory.

use burn::tensor::{Int, Tensor, activation};

use super::product;
use crate::ops::loss::SmoothedLoss;
use crate::ops::precision::Precision;

/// Logits of one chunk: 64 MiB in single precision, enough to keep a GPU busy.
const LOGITS_AT_ONCE: usize = 1 << 24;

/// As [`linear_cross_entropy`](crate::ops::linear_cross_entropy). Each chunk's gradients are made while its
/// logits are there.
pub(in crate::ops) fn linear_cross_entropy(
    hidden: Tensor<2>,
    head: Tensor<2>,
    targets: Tensor<1, Int>,
    smoothing: f64,
    precision: Precision,
) -> SmoothedLoss {
    let rows = (LOGITS_AT_ONCE / head.dims()[0]).max(1);
    in_chunks(hidden, head, targets, smoothing, rows, precision)
}

/// The same, `rows` tokens at a time.
pub(in crate::ops) fn in_chunks(
    hidden: Tensor<2>,
    head: Tensor<2>,
    targets: Tensor<1, Int>,
    smoothing: f64,
    rows: usize,
    precision: Precision,
) -> SmoothedLoss {
    if !hidden.device().is_autodiff() && !head.device().is_autodiff() {
        let losses = chunks(hidden, targets, rows).map(|(hidden, targets)| {
            Logits::new(hidden, &head, precision).loss(&targets, smoothing)
        });
        return sum(losses);
    }
    let inner_head = head.clone().inner();
    let mut hidden_slopes = Vec::new();
    let mut head_slope = inner_head.zeros_like();
    let losses = chunks(hidden.clone().inner(), targets.inner(), rows).map(|(hidden, targets)| {
        let logits = Logits::new(hidden.clone(), &inner_head, precision);
        let loss = logits.loss(&targets, smoothing);
        let slope = logits.slope(&targets, smoothing); // [rows, vocab_size]
        hidden_slopes.push(product(slope.clone(), inner_head.clone(), precision));
        head_slope = head_slope.clone() + product(slope.transpose(), hidden, precision);
        loss
    });
    let SmoothedLoss { objective, nats } = sum(losses);
    // A number of gradient `slope`, whose value is then taken away again.
    let slopes = hidden * Tensor::from_inner(Tensor::cat(hidden_slopes, 0));
    let slopes = slopes.sum() + (head * Tensor::from_inner(head_slope)).sum();
    let objective = Tensor::from_inner(objective) + (slopes.clone() - slopes.detach());
    SmoothedLoss { objective, nats: Tensor::from_inner(nats) }
}

fn chunks(
    hidden: Tensor<2>,
    targets: Tensor<1, Int>,
    rows: usize,
) -> impl Iterator<Item = (Tensor<2>, Tensor<2, Int>)> {
    let tokens = hidden.dims()[0];
    (0..tokens).step_by(rows).map(move |start| {
        let len = rows.min(tokens - start);
        let targets = targets.clone().narrow(0, start, len).unsqueeze_dim(1); // [rows, 1]
        (hidden.clone().narrow(0, start, len), targets)
    })
}

fn sum(losses: impl Iterator<Item = SmoothedLoss>) -> SmoothedLoss {
    let add = |a: SmoothedLoss, b: SmoothedLoss| SmoothedLoss {
        objective: a.objective + b.objective,
        nats: a.nats + b.nats,
    };
    losses.reduce(add).expect("at least one token")
}

/// Logarithms of the probabilities of a chunk, `[rows, vocab_size]`.
struct Logits(Tensor<2>);

impl Logits {
    fn new(hidden: Tensor<2>, head: &Tensor<2>, precision: Precision) -> Self {
        let logits = product(hidden, head.clone().transpose(), precision);
        Self(activation::log_softmax(logits, 1))
    }

    fn loss(&self, targets: &Tensor<2, Int>, smoothing: f64) -> SmoothedLoss {
        let ignored = targets.clone().lower_elem(0);
        let nats = self.0.clone().gather(1, targets.clone().clamp_min(0)).neg(); // [rows, 1]
        let nats = nats.mask_fill(ignored.clone(), 0.0).sum();
        if smoothing == 0.0 {
            return SmoothedLoss { objective: nats.clone(), nats };
        }
        let even = self.0.clone().mean_dim(1).neg().mask_fill(ignored, 0.0).sum();
        let objective = nats.clone() * (1.0 - smoothing) + even * smoothing;
        SmoothedLoss { objective, nats }
    }

    /// The objective's derivative by the logits, `[rows, vocab_size]`.
    fn slope(self, targets: &Tensor<2, Int>, smoothing: f64) -> Tensor<2> {
        let [_, vocab_size] = self.0.dims();
        let ids = Tensor::<1, Int>::arange(0..vocab_size as i64, &targets.device()).unsqueeze();
        let is_target = ids.equal(targets.clone()).float(); // [rows, vocab_size]
        let wanted = is_target * (1.0 - smoothing) + smoothing / vocab_size as f64;
        let counts = targets.clone().greater_equal_elem(0).float(); // [rows, 1]
        (self.0.exp() - wanted) * counts
    }
}
