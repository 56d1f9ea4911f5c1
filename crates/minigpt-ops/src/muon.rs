//! Muon's step: the momentum of a matrix, made orthogonal.

use rayon::prelude::*;

use crate::Precision;
use crate::adamw::sum_of_squares;
use crate::blocks::ELEMENTS;
use crate::matrix::{Matrix, Operand, Output, product, upper_product};
use crate::scratch::Scratch;
use crate::simd::{sum_of, vectorized};

/// Muon ([Jordan et al., 2024](https://kellerjordan.github.io/posts/muon/)) at one step, for one matrix.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Muon {
    /// Learning rate of this step, by the shape of the matrix.
    pub learning_rate: f32,
    /// Share of the matrix that a step removes: weight decay times the learning rate before scaling by shape.
    pub decay: f32,
    /// Decay of the momentum, which is Nesterov's.
    pub momentum: f32,
    /// Least norm of a momentum.
    pub epsilon: f32,
    /// `[a, b, c]` of each iteration `x ← x · (a + b · xᵀx + c · (xᵀx)²)`.
    pub iterations: &'static [[f32; 3]],
    /// Whether the first iteration divides by a tighter bound on the singular values than the published one, the norm.
    pub has_closer_bound: bool,
}

impl Muon {
    /// By the method of [Amsel et al., 2025](https://arxiv.org/abs/2505.16932) for three iterations and singular values
    /// from 0.01 on, which end between 0.72 and 1.28. The published five iterations of one polynomial bring those from
    /// 0.002 on, of a matrix divided by its norm, between 0.68 and 1.2.
    pub const ITERATIONS: [[f32; 3]; 3] = [
        [7.940_14, -22.322_3, 16.078_79],
        [3.610_56, -2.648_94, 0.511_29],
        [2.685_03, -1.996_56, 0.454_77],
    ];

    /// Least bound of the singular values. Those of a matrix of norm 1 have a larger one. The bound of a smaller matrix,
    /// whose norm was below epsilon, may have vanished in rounding, and above their bound the iterations diverge.
    pub const LEAST_BOUND: f32 = 1e-3;

    /// Moves the matrix `parameters` `[rows, columns]` against `gradient`, where the moved ones are written to, and the
    /// `velocity` with it: both of the same shape. Products are in bfloat16, as published, where the processor has it.
    ///
    /// # Panics
    ///
    /// If the lengths do not fit together.
    pub fn update(
        self,
        columns: usize,
        parameters: &[f32],
        gradient: &mut [f32],
        velocity: &mut [f32],
    ) {
        let precision = match Precision::Bf16.is_native() {
            true => Precision::Bf16,
            false => Precision::F32,
        };
        self.update_in(precision, columns, parameters, gradient, velocity);
    }

    fn update_in(
        self,
        precision: Precision,
        columns: usize,
        parameters: &[f32],
        gradient: &mut [f32],
        velocity: &mut [f32],
    ) {
        let n = parameters.len();
        assert!(
            gradient.len() == n && velocity.len() == n,
            "Muon: parameters, gradient and velocity differ in length"
        );
        let rows = n / columns.max(1);
        assert_eq!(rows * columns, n, "Muon: {n} elements are not whole rows of {columns}");
        if n == 0 {
            return;
        }
        let norm = self.follow(gradient, velocity).max(self.epsilon);
        // Tall: the smaller square is multiplied, and operands are packed along their rows.
        let mut tall = Scratch::new(n);
        let is_wide = rows < columns;
        if is_wide {
            transpose_into(gradient, columns, |x| x / norm, &mut tall);
        } else {
            let chunks = tall.par_chunks_mut(ELEMENTS).zip(gradient.par_chunks(ELEMENTS));
            chunks.for_each(|(y, x)| {
                vectorized!(y.iter_mut().zip(x).for_each(|(y, x)| *y = x / norm));
            });
        }
        let mut update = self.orthogonalized(precision, tall, rows.min(columns));
        if is_wide {
            let mut wide = Scratch::new(n);
            transpose_into(&update, rows, |x| x, &mut wide);
            update = wide;
        }
        let chunks = gradient.par_chunks_mut(ELEMENTS).zip(update.par_chunks(ELEMENTS));
        chunks.zip(parameters.par_chunks(ELEMENTS)).for_each(|((moved, update), parameters)| {
            vectorized!(self.move_chunk(moved, update, parameters));
        });
    }

    /// The velocity follows the gradient, and the gradient becomes Nesterov's momentum, whose norm is returned.
    fn follow(self, gradient: &mut [f32], velocity: &mut [f32]) -> f32 {
        let chunks = gradient.par_chunks_mut(ELEMENTS).zip(velocity.par_chunks_mut(ELEMENTS));
        let squares: Vec<f32> = chunks
            .map(|(gradient, velocity)| vectorized!(self.follow_chunk(gradient, velocity)))
            .collect();
        squares.into_iter().map(f64::from).sum::<f64>().sqrt() as f32
    }

    #[inline(always)]
    fn follow_chunk(self, gradient: &mut [f32], velocity: &mut [f32]) -> f32 {
        for (g, v) in gradient.iter_mut().zip(velocity) {
            *v = self.momentum * *v + *g;
            *g += self.momentum * *v;
        }
        sum_of(gradient, |x| x * x)
    }

    #[inline(always)]
    fn move_chunk(self, moved: &mut [f32], update: &[f32], parameters: &[f32]) {
        for ((moved, update), parameter) in moved.iter_mut().zip(update).zip(parameters) {
            *moved = parameter * (1.0 - self.decay) - self.learning_rate * update;
        }
    }

    /// The nearest matrix to `x` `[_, width]` with orthogonal columns, nearly: by Newton and Schulz's iteration, which
    /// brings all singular values near 1, from `x` divided by what none of them exceeds. `√√|(xᵀx)²|` is closer to the
    /// largest than the norm `|x|` of the matrix, and the first iteration has it at hand.
    fn orthogonalized(self, precision: Precision, mut x: Scratch, width: usize) -> Scratch {
        let height = x.len() / width;
        let mut next = Scratch::new(x.len());
        let [mut half, mut square, mut factor] = [(); 3].map(|()| Scratch::new(width * width));
        for (iteration, [a, b, c]) in self.iterations.iter().enumerate() {
            let matrix = Matrix::new(&x, height, width);
            upper_product(matrix.transposed(), &Operand::new(precision, matrix), &mut half);
            mirrored(&half, width, &mut square);
            let matrix = Matrix::new(&square, width, width);
            upper_product(matrix, &Operand::new(precision, matrix), &mut half);
            mirrored(&half, width, &mut factor);
            let most = match iteration {
                0 if self.has_closer_bound => {
                    (sum_of_squares(&factor).sqrt().sqrt().sqrt() as f32).max(Self::LEAST_BOUND)
                }
                _ => 1.0,
            };
            let [a, b, c] = [a / most, b / most.powi(3), c / most.powi(5)];
            add_polynomial(&square, [a, b, c], width, &mut factor);
            let factor = Operand::new(precision, Matrix::new(&factor, width, width));
            product(Matrix::new(&x, height, width), &factor, &mut next, Output::Replace);
            std::mem::swap(&mut x, &mut next);
        }
        x
    }
}

/// Rows of an output that is read along columns: so many elements of a column's row are adjacent.
const STRIP: usize = 16;

/// `y = f(xᵀ)`: `x` of rows of `columns`.
fn transpose_into(x: &[f32], columns: usize, f: impl Fn(f32) -> f32 + Sync, y: &mut [f32]) {
    let rows = x.len() / columns;
    y.par_chunks_mut(STRIP * rows).enumerate().for_each(|(strip, y)| {
        for (row, x) in x.chunks_exact(columns).enumerate() {
            for (&x, y) in x[strip * STRIP..].iter().zip(y.chunks_exact_mut(rows)) {
                y[row] = f(x);
            }
        }
    });
}

/// `y = a + b · x + c · y` of square matrices of `n` rows.
fn add_polynomial(x: &[f32], [a, b, c]: [f32; 3], n: usize, y: &mut [f32]) {
    let chunks = y.par_chunks_mut(ELEMENTS).zip(x.par_chunks(ELEMENTS));
    chunks.for_each(|(y, x)| {
        vectorized!(y.iter_mut().zip(x).for_each(|(y, x)| *y = b * x + c * *y));
    });
    y.iter_mut().step_by(n + 1).for_each(|y| *y += a);
}

/// The whole of the symmetric matrix `x` `[n, n]`, of which only what is on and above the diagonal is read.
fn mirrored(x: &[f32], n: usize, y: &mut [f32]) {
    y.par_chunks_mut(STRIP * n).enumerate().for_each(|(strip, y)| {
        let first = strip * STRIP;
        for (row, y) in (first..).zip(y.chunks_exact_mut(n)) {
            y[row..].copy_from_slice(&x[row * n + row..(row + 1) * n]);
        }
        let last = first + y.len() / n;
        for column in 0..last {
            let below = first.max(column + 1);
            for (row, &x) in (below..last).zip(&x[column * n + below..]) {
                y[(row - first) * n + column] = x;
            }
        }
    });
}

#[cfg(test)]
mod tests;
