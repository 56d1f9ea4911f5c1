//! Cross-entropy of a linear head in chunks of tokens, of burn's own operations: the logits of all tokens
//! never exist at once, which for a vocabulary of GPT-2's size is most of a training step's memory.

use burn::tensor::{Int, Tensor, activation};

use super::product;
use crate::ops::loss::{Lesson, SmoothedLoss};
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
    goals_in_chunks(hidden, head, targets, &Goal::Smoothed(smoothing), rows, precision)
}

/// As [`distillation`](crate::ops::distillation).
pub(in crate::ops) fn distillation(
    hidden: Tensor<2>,
    head: Tensor<2>,
    targets: Tensor<1, Int>,
    lesson: &Lesson,
    precision: Precision,
) -> SmoothedLoss {
    let rows = (LOGITS_AT_ONCE / head.dims()[0] / (1 + lesson.teachers.len())).max(1);
    lesson_in_chunks(hidden, head, targets, lesson, rows, precision)
}

/// The same, `rows` tokens at a time.
pub(in crate::ops) fn lesson_in_chunks(
    hidden: Tensor<2>,
    head: Tensor<2>,
    targets: Tensor<1, Int>,
    lesson: &Lesson,
    rows: usize,
    precision: Precision,
) -> SmoothedLoss {
    goals_in_chunks(hidden, head, targets, &Goal::Taught(lesson), rows, precision)
}

/// What a model is to come to besides its targets.
enum Goal<'a> {
    /// Label smoothing.
    Smoothed(f64),
    /// Teachers.
    Taught(&'a Lesson),
}

fn goals_in_chunks(
    hidden: Tensor<2>,
    head: Tensor<2>,
    targets: Tensor<1, Int>,
    goal: &Goal,
    rows: usize,
    precision: Precision,
) -> SmoothedLoss {
    if !hidden.device().is_autodiff() && !head.device().is_autodiff() {
        let losses = chunks(hidden, targets, rows).map(|(start, hidden, targets)| {
            let part = Part::new(goal, start, targets, precision);
            part.loss(&Logits::new(hidden, &head, precision))
        });
        return sum(losses);
    }
    let inner_head = head.clone().inner();
    let mut hidden_slopes = Vec::new();
    let mut head_slope = inner_head.zeros_like();
    let chunks = chunks(hidden.clone().inner(), targets.inner(), rows);
    let losses = chunks.map(|(start, hidden, targets)| {
        let part = Part::new(goal, start, targets, precision);
        let logits = Logits::new(hidden.clone(), &inner_head, precision);
        let loss = part.loss(&logits);
        let slope = part.slope(logits); // [rows, vocab_size]
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

/// Places, hidden states and targets of the chunks.
fn chunks(
    hidden: Tensor<2>,
    targets: Tensor<1, Int>,
    rows: usize,
) -> impl Iterator<Item = (usize, Tensor<2>, Tensor<2, Int>)> {
    let tokens = hidden.dims()[0];
    (0..tokens).step_by(rows).map(move |start| {
        let len = rows.min(tokens - start);
        let targets = targets.clone().narrow(0, start, len).unsqueeze_dim(1); // [rows, 1]
        (start, hidden.clone().narrow(0, start, len), targets)
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

    /// At another temperature.
    fn softened(&self, temperature: f64) -> Self {
        Self(activation::log_softmax(self.0.clone() / temperature, 1))
    }
}

/// What the logits of a chunk are compared with.
struct Part {
    /// `[rows, 1]`.
    targets: Tensor<2, Int>,
    smoothing: f64,
    taught: Option<Taught>,
}

/// What teachers make of a chunk.
struct Taught {
    /// The mean of their probabilities, `[rows, vocab_size]`.
    probabilities: Tensor<2>,
    weight: f64,
    temperature: f64,
}

impl Taught {
    fn new(lesson: &Lesson, start: usize, rows: usize, precision: Precision) -> Self {
        let Lesson { teachers, weight, temperature } = lesson;
        let of_teacher = |[hidden, head]: &[Tensor<2>; 2]| {
            let hidden = hidden.clone().narrow(0, start, rows);
            Logits::new(hidden, head, precision).softened(*temperature).0.exp()
        };
        let sum = teachers.iter().map(of_teacher).reduce(|sum, next| sum + next);
        let probabilities = sum.expect("at least one teacher") / teachers.len() as f64;
        Self { probabilities, weight: *weight, temperature: *temperature }
    }

    /// The divergence of the student from the teachers, `[rows, 1]`.
    fn divergence(&self, logits: &Logits) -> Tensor<2> {
        // Where a teacher gives nothing, nothing is added: 0 times the logarithm of the smallest number.
        let logs = self.probabilities.clone().clamp_min(f32::MIN_POSITIVE).log();
        let apart = logs - logits.softened(self.temperature).0;
        (self.probabilities.clone() * apart).sum_dim(1)
    }
}

impl Part {
    fn new(goal: &Goal, start: usize, targets: Tensor<2, Int>, precision: Precision) -> Self {
        let (smoothing, lesson) = match goal {
            Goal::Smoothed(smoothing) => (*smoothing, None),
            Goal::Taught(lesson) => (0.0, Some(*lesson)),
        };
        let rows = targets.dims()[0];
        let taught = lesson.map(|lesson| Taught::new(lesson, start, rows, precision));
        Self { targets, smoothing, taught }
    }

    fn loss(&self, logits: &Logits) -> SmoothedLoss {
        let ignored = self.targets.clone().lower_elem(0);
        let nats = logits.0.clone().gather(1, self.targets.clone().clamp_min(0)).neg(); // [rows, 1]
        let nats = nats.mask_fill(ignored.clone(), 0.0).sum();
        let (weight, other) = match &self.taught {
            Some(taught) => {
                let scale = taught.temperature * taught.temperature;
                (taught.weight, taught.divergence(logits) * scale)
            }
            None if self.smoothing == 0.0 => {
                return SmoothedLoss { objective: nats.clone(), nats };
            }
            None => (self.smoothing, logits.0.clone().mean_dim(1).neg()),
        };
        let other = other.mask_fill(ignored, 0.0).sum();
        SmoothedLoss { objective: nats.clone() * (1.0 - weight) + other * weight, nats }
    }

    /// The objective's derivative by the logits, `[rows, vocab_size]`.
    fn slope(self, logits: Logits) -> Tensor<2> {
        let Self { targets, smoothing, taught } = self;
        let [_, vocab_size] = logits.0.dims();
        let ids = Tensor::<1, Int>::arange(0..vocab_size as i64, &targets.device()).unsqueeze();
        let is_target = ids.equal(targets.clone()).float(); // [rows, vocab_size]
        let counts = targets.greater_equal_elem(0).float(); // [rows, 1]
        let slope = match taught {
            Some(Taught { probabilities, weight, temperature }) => {
                let soft = logits.softened(temperature).0.exp() - probabilities;
                (logits.0.exp() - is_target) * (1.0 - weight) + soft * (weight * temperature)
            }
            None => {
                let wanted = is_target * (1.0 - smoothing) + smoothing / vocab_size as f64;
                logits.0.exp() - wanted
            }
        };
        slope * counts
    }
}
