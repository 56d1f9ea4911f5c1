//! Cross-entropy of a linear head without a matrix of logits.

use rayon::prelude::*;

use crate::matrix::{Matrix, Output, product};
use crate::simd::{add, add_scaled, dot, exp, map_and_sum, max, vectorized};

/// Tokens whose logits exist at one time.
const TOKENS: usize = 128;

/// What a batch costs, summed over its targets.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CrossEntropy {
    /// What training minimises: the cross-entropy against the smoothed targets, in nats.
    pub objective: f64,
    /// The cross-entropy against the targets themselves, in nats.
    pub nats: f64,
}

/// Cross-entropy of `hidden · headᵀ` against `targets`: `hidden` `[n, d]`, `head` `[v, d]`, `targets`
/// `[n]` of ids in `0..v`, or negative where there is nothing to predict.
///
/// `smoothing` is the share of a target that is spread evenly over the vocabulary
/// ([Szegedy et al., 2016](https://arxiv.org/abs/1512.00567)).
///
/// # Panics
///
/// If the lengths do not fit together or a target is not in the vocabulary.
pub fn linear_cross_entropy(
    hidden: &[f32],
    head: &[f32],
    targets: &[i32],
    smoothing: f32,
) -> CrossEntropy {
    let Some(problem) = Problem::new(hidden, head, targets, smoothing) else {
        return CrossEntropy::default();
    };
    let mut logits = problem.logits_buffer();
    let mut total = CrossEntropy::default();
    for chunk in problem.chunks() {
        total += problem.forward(chunk, &mut logits).0;
    }
    total
}

/// As [`linear_cross_entropy`], with the gradients of the objective: `d_hidden` `[n, d]` and `d_head`
/// `[v, d]`, both replaced.
///
/// # Panics
///
/// If the lengths do not fit together or a target is not in the vocabulary.
pub fn linear_cross_entropy_with_gradients(
    hidden: &[f32],
    head: &[f32],
    targets: &[i32],
    smoothing: f32,
    d_hidden: &mut [f32],
    d_head: &mut [f32],
) -> CrossEntropy {
    assert_eq!(d_hidden.len(), hidden.len(), "cross-entropy: d_hidden is not [n, d]");
    assert_eq!(d_head.len(), head.len(), "cross-entropy: d_head is not [v, d]");
    let Some(problem) = Problem::new(hidden, head, targets, smoothing) else {
        d_head.fill(0.0);
        return CrossEntropy::default();
    };
    let mut logits = problem.logits_buffer();
    let mut total = CrossEntropy::default();
    let mut output = Output::Replace;
    for (chunk, d_hidden) in problem.chunks().zip(d_hidden.chunks_mut(TOKENS * problem.d)) {
        let (loss, sums) = problem.forward(chunk, &mut logits);
        total += loss;
        problem.backward(chunk, &logits, &sums, d_hidden, d_head, output);
        output = Output::Add;
    }
    problem.add_targets(d_hidden, d_head);
    total
}

impl std::ops::AddAssign for CrossEntropy {
    fn add_assign(&mut self, other: Self) {
        self.objective += other.objective;
        self.nats += other.nats;
    }
}

/// Some of the tokens.
#[derive(Clone, Copy)]
struct Chunk<'a> {
    hidden: &'a [f32],
    targets: &'a [i32],
}

struct Problem<'a> {
    hidden: &'a [f32],
    head: &'a [f32],
    targets: &'a [i32],
    smoothing: f32,
    d: usize,
    vocab_size: usize,
    /// Sum over the vocabulary of the head's rows, `[d]`: its product with a hidden state is the sum
    /// of its logits.
    head_sum: Vec<f32>,
}

impl<'a> Problem<'a> {
    /// None where there is no token.
    fn new(hidden: &'a [f32], head: &'a [f32], targets: &'a [i32], smoothing: f32) -> Option<Self> {
        let n = targets.len();
        if n == 0 {
            return None;
        }
        let d = hidden.len() / n;
        assert!(d > 0 && hidden.len() == n * d, "cross-entropy: hidden is not [n, d]");
        assert_eq!(head.len() % d, 0, "cross-entropy: head is not [v, d]");
        let vocab_size = head.len() / d;
        let in_vocabulary = targets.iter().all(|&target| (target as i64) < vocab_size as i64);
        assert!(in_vocabulary, "cross-entropy: a target is not below {vocab_size}");
        let mut head_sum = vec![0.0; d];
        if smoothing != 0.0 {
            crate::sum_rows(head, &mut head_sum);
        }
        Some(Self { hidden, head, targets, smoothing, d, vocab_size, head_sum })
    }

    fn logits_buffer(&self) -> Vec<f32> {
        vec![0.0; TOKENS.min(self.targets.len()) * self.vocab_size]
    }

    fn chunks(&self) -> impl Iterator<Item = Chunk<'a>> + use<'a> {
        let hidden = self.hidden.chunks(TOKENS * self.d);
        hidden.zip(self.targets.chunks(TOKENS)).map(|(hidden, targets)| Chunk { hidden, targets })
    }

    fn head(&self) -> Matrix<'a> {
        Matrix::new(self.head, self.vocab_size, self.d)
    }

    /// Loss of a chunk of tokens. Leaves `exp(logit - largest)` in `logits`, and gives their sums.
    fn forward(&self, chunk: Chunk, logits: &mut [f32]) -> (CrossEntropy, Vec<f32>) {
        let Chunk { hidden, targets } = chunk;
        let n = targets.len();
        let logits = &mut logits[..n * self.vocab_size];
        let hidden_matrix = Matrix::new(hidden, n, self.d);
        product(hidden_matrix, self.head().transposed(), logits, Output::Replace);
        let rows = logits.par_chunks_mut(self.vocab_size).zip(targets);
        let rows = rows.zip(hidden.par_chunks(self.d));
        let losses: Vec<(CrossEntropy, f32)> =
            rows.map(|((row, &target), hidden)| self.token(row, target, hidden)).collect();
        let mut total = CrossEntropy::default();
        losses.iter().for_each(|(loss, _)| total += *loss);
        (total, losses.into_iter().map(|(_, sum)| sum).collect())
    }

    /// Loss of one token, whose logits become `exp(logit - largest)`, and their sum.
    fn token(&self, logits: &mut [f32], target: i32, hidden: &[f32]) -> (CrossEntropy, f32) {
        let Ok(target) = usize::try_from(target) else {
            logits.fill(0.0);
            return (CrossEntropy::default(), 1.0);
        };
        let target_logit = f64::from(logits[target]);
        let (largest, sum) = vectorized(|| {
            let largest = max(logits);
            (largest, map_and_sum(logits, |logit| exp(logit - largest)))
        });
        let log_sum = f64::from(largest) + f64::from(sum).ln();
        let nats = log_sum - target_logit;
        let mean_logit = f64::from(dot(hidden, &self.head_sum)) / self.vocab_size as f64;
        let smoothing = f64::from(self.smoothing);
        let even = if smoothing == 0.0 { 0.0 } else { log_sum - mean_logit };
        (CrossEntropy { objective: (1.0 - smoothing) * nats + smoothing * even, nats }, sum)
    }

    /// The softmax's part of the gradients. Its rows are never divided by their sums: `d_hidden` is
    /// afterwards, and `hidden` before it is multiplied.
    fn backward(
        &self,
        chunk: Chunk,
        exponentials: &[f32],
        sums: &[f32],
        d_hidden: &mut [f32],
        d_head: &mut [f32],
        output: Output,
    ) {
        let Chunk { hidden, targets } = chunk;
        let n = targets.len();
        let exponentials = Matrix::new(&exponentials[..n * self.vocab_size], n, self.vocab_size);
        product(exponentials, self.head(), d_hidden, Output::Replace);
        let mut scaled = hidden.to_vec();
        let rows = scaled.chunks_mut(self.d).zip(d_hidden.chunks_mut(self.d));
        for ((scaled, d_hidden), sum) in rows.zip(sums) {
            scaled.iter_mut().chain(d_hidden).for_each(|x| *x /= sum);
        }
        product(exponentials.transposed(), Matrix::new(&scaled, n, self.d), d_head, output);
    }

    /// The targets' part of the gradients: `smoothing / v` on every id, the rest on the target.
    fn add_targets(&self, d_hidden: &mut [f32], d_head: &mut [f32]) {
        let on_target = self.smoothing - 1.0;
        let on_every = -self.smoothing / self.vocab_size as f32;
        let mut hidden_sum = vec![0.0; self.d];
        let rows = self.targets.iter().zip(self.hidden.chunks(self.d));
        for ((&target, hidden), d_hidden) in rows.zip(d_hidden.chunks_mut(self.d)) {
            let Ok(target) = usize::try_from(target) else { continue };
            let row = target * self.d..(target + 1) * self.d;
            vectorized(|| {
                add_scaled(d_hidden, on_target, &self.head[row.clone()]);
                add_scaled(d_hidden, on_every, &self.head_sum);
                add_scaled(&mut d_head[row], on_target, hidden);
                add(&mut hidden_sum, hidden);
            });
        }
        if self.smoothing != 0.0 {
            d_head
                .par_chunks_mut(self.d)
                .for_each(|row| vectorized(|| add_scaled(row, on_every, &hidden_sum)));
        }
    }
}
