//! Distillation ([Hinton et al., 2015](https://arxiv.org/abs/1503.02531)): the loss of a linear head against its targets
//! and against what teachers make of the same tokens.
//!
//! Logits of some tokens are there at a time, the student's and each teacher's. A row of them becomes the gradient of its
//! logits in place, which two products turn into gradients of hidden states and head.

use std::ops::Range;

use rayon::prelude::*;

use crate::matrix::{Matrix, Operand, Output, product};
use crate::scratch::Scratch;
use crate::simd::{exp, max, sum_of, sum_of_pairs, vectorized};
use crate::{CrossEntropy, Precision};

/// Logits of one model at a time: 16 MiB.
const LOGITS: usize = 1 << 22;

/// What a teacher makes of the tokens.
#[derive(Clone, Copy, Debug)]
pub struct Teacher<'a> {
    /// `[n, its width]`.
    pub hidden: &'a [f32],
    /// `[v, its width]`.
    pub head: &'a [f32],
}

/// What is learnt from, besides the targets.
#[derive(Clone, Copy, Debug)]
pub struct Lesson<'a> {
    /// Whose probabilities are averaged; at least one.
    pub teachers: &'a [Teacher<'a>],
    /// The share `α` of the objective that is the teachers'.
    pub weight: f32,
    /// `T`, by which all logits are divided first.
    pub temperature: f32,
}

/// Over the targets that are not negative, the sum of `(1 - α) · cross-entropy + α · T² · KL(teachers ‖ student)`, where
/// both distributions of the second term are at temperature `T`: `hidden` `[n, d]`, `head` `[v, d]`, `targets` `[n]`. With
/// `gradients`, `[n, d]` and `[v, d]`, those of the objective replace what these hold.
///
/// Beside the arguments it holds 16 MiB of logits for each model, or one row of a longer vocabulary.
///
/// # Panics
///
/// If the lengths do not fit together or a target is not in the vocabulary.
#[must_use]
pub fn distillation(
    precision: Precision,
    hidden: &[f32],
    head: &[f32],
    targets: &[i32],
    lesson: Lesson,
    gradients: Option<[&mut [f32]; 2]>,
) -> CrossEntropy {
    let n = targets.len();
    let [mut d_hidden, mut d_head] = match gradients {
        Some([d_hidden, d_head]) => {
            assert_eq!(d_hidden.len(), hidden.len(), "distillation: d_hidden is not [n, d]");
            assert_eq!(d_head.len(), head.len(), "distillation: d_head is not [v, d]");
            d_head.fill(0.0);
            [Some(d_hidden), Some(d_head)]
        }
        None => [None, None],
    };
    if n == 0 {
        return CrossEntropy::default();
    }
    assert!(!lesson.teachers.is_empty(), "distillation: no teacher");
    let student = Model { hidden, head, width: hidden.len() / n };
    assert!(student.width > 0, "distillation: hidden is not [n, d]");
    let v = head.len() / student.width;
    let teachers = lesson.teachers.iter().map(|Teacher { hidden, head }| Model {
        hidden,
        head,
        width: hidden.len() / n,
    });
    let models: Vec<Model> = std::iter::once(student).chain(teachers).collect();
    let fits = |model: &Model| {
        model.hidden.len() == n * model.width && model.head.len() == v * model.width
    };
    assert!(models.iter().all(fits), "distillation: hidden states and heads do not fit together");
    let in_vocabulary = targets.iter().all(|&target| (target as i64) < v as i64);
    assert!(in_vocabulary, "distillation: a target is not below {v}");

    let rows = (LOGITS / v).clamp(1, n);
    let mut rooms: Vec<Scratch> = models.iter().map(|_| Scratch::new(rows * v)).collect();
    let mut total = CrossEntropy::default();
    for (part, targets) in targets.chunks(rows).enumerate() {
        let tokens = part * rows..part * rows + targets.len();
        for (model, room) in models.iter().zip(&mut rooms) {
            model.logits(precision, tokens.clone(), &mut room[..targets.len() * v]);
        }
        let (slopes, taught) = rooms.split_first_mut().expect("a student");
        let slopes = &mut slopes[..targets.len() * v];
        let rows = slopes.par_chunks_exact_mut(v).zip(targets).enumerate();
        let losses = rows.map_init(
            || vec![0.0; v],
            |wanted, (row, (logits, target))| {
                let Ok(target) = usize::try_from(*target) else {
                    logits.fill(0.0);
                    return CrossEntropy::default();
                };
                let taught = taught.iter().map(|taught| &taught[row * v..][..v]);
                vectorized!(average(taught, lesson.temperature, wanted));
                to_slope(logits, wanted, target, lesson)
            },
        );
        // In order, so that the sum does not depend on the number of threads.
        let losses: Vec<CrossEntropy> = losses.collect();
        losses.into_iter().for_each(|loss| total += loss);
        let slopes = Matrix::new(slopes, targets.len(), v);
        if let Some(d_hidden) = &mut d_hidden {
            let head = Operand::new(precision, Matrix::new(head, v, student.width));
            product(slopes, &head, &mut d_hidden[student.places(tokens.clone())], Output::Replace);
        }
        if let Some(d_head) = &mut d_head {
            let hidden = Operand::new(precision, student.rows(tokens));
            product(slopes.transposed(), &hidden, d_head, Output::Add);
        }
    }
    total
}

/// A student or a teacher.
#[derive(Clone, Copy)]
struct Model<'a> {
    hidden: &'a [f32],
    head: &'a [f32],
    width: usize,
}

impl<'a> Model<'a> {
    fn places(&self, tokens: Range<usize>) -> Range<usize> {
        tokens.start * self.width..tokens.end * self.width
    }

    /// Hidden states of some tokens.
    fn rows(&self, tokens: Range<usize>) -> Matrix<'a> {
        Matrix::new(&self.hidden[self.places(tokens.clone())], tokens.len(), self.width)
    }

    /// Their logits, `[tokens, v]`.
    fn logits(&self, precision: Precision, tokens: Range<usize>, logits: &mut [f32]) {
        let head = Matrix::new(self.head, self.head.len() / self.width, self.width).transposed();
        product(self.rows(tokens), &Operand::new(precision, head), logits, Output::Replace);
    }
}

/// The mean of the teachers' probabilities.
#[inline(always)]
fn average<'a>(
    logits: impl ExactSizeIterator<Item = &'a [f32]>,
    temperature: f32,
    mean: &mut [f32],
) {
    let (share, by) = (1.0 / logits.len() as f32, 1.0 / temperature);
    mean.fill(0.0);
    for logits in logits {
        let (largest, sum) = softmax_sum(logits, by);
        add_probabilities(logits, largest, by, share / sum, mean);
    }
}

/// The largest logit, and the sum of exponentials relative to it of all, each times `by`.
#[inline(always)]
fn softmax_sum(logits: &[f32], by: f32) -> (f32, f32) {
    let largest = max(logits);
    (largest, sum_of(logits, |logit| exp((logit - largest) * by)))
}

#[inline(always)]
fn add_probabilities(logits: &[f32], largest: f32, by: f32, scale: f32, mean: &mut [f32]) {
    for (mean, logit) in mean.iter_mut().zip(logits) {
        *mean = scale.mul_add(exp((logit - largest) * by), *mean);
    }
}

/// One token's loss, whose logits become the objective's gradient by them.
fn to_slope(logits: &mut [f32], wanted: &[f32], target: usize, lesson: Lesson) -> CrossEntropy {
    let Lesson { weight, temperature, .. } = lesson;
    let by = 1.0 / temperature;
    let (largest, sum) = vectorized!(softmax_sum(logits, 1.0));
    let (_, soft_sum) = vectorized!(softmax_sum(logits, by));
    let nats = f64::from(sum.ln()) + f64::from(largest) - f64::from(logits[target]);
    // Σ p · (ln p - ln q), where ln q = (logit - largest) / T - ln Σ.
    let cross: f32 =
        vectorized!(sum_of_pairs(wanted, logits, |wanted, logit| wanted * (logit - largest)));
    let entropy: f64 = wanted.iter().filter(|p| **p > 0.0).map(|p| f64::from(p * p.ln())).sum();
    let divergence = entropy - f64::from(cross * by) + f64::from(soft_sum.ln());
    let (weight, temperature) = (f64::from(weight), f64::from(temperature));
    let objective = (1.0 - weight) * nats + weight * temperature * temperature * divergence;
    let scales = [(1.0 - weight) as f32, (weight * temperature) as f32];
    vectorized!(slope(logits, wanted, largest, by, [1.0 / sum, 1.0 / soft_sum], scales));
    logits[target] -= scales[0];
    CrossEntropy { objective, nats }
}

#[inline(always)]
fn slope(
    logits: &mut [f32],
    wanted: &[f32],
    largest: f32,
    by: f32,
    [share, soft_share]: [f32; 2],
    [hard, soft]: [f32; 2],
) {
    for (logit, wanted) in logits.iter_mut().zip(wanted) {
        let at = *logit - largest;
        *logit = hard * share * exp(at) + soft * soft_share.mul_add(exp(at * by), -wanted);
    }
}
