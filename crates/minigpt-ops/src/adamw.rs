//! The optimiser's step, in one pass over the parameters.

use rayon::prelude::*;

use crate::blocks::ELEMENTS;
use crate::simd::{sum_of, vectorized};

/// AdamW ([Loshchilov and Hutter, 2019](https://arxiv.org/abs/1711.05101)) at one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// Learning rate of this step.
    pub learning_rate: f32,
    /// Decay of the first moment.
    pub beta_1: f32,
    /// Decay of the second moment.
    pub beta_2: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// Decoupled weight decay: parameters lose this share of the learning rate.
    pub weight_decay: f32,
    /// Steps with these moments, this one included: 1 at the first.
    pub step: i32,
}

impl AdamW {
    /// Moves `parameters` against `gradient`, and the moments with them: all `[n]`.
    ///
    /// # Panics
    ///
    /// If the lengths differ.
    pub fn update(
        self,
        parameters: &mut [f32],
        gradient: &[f32],
        moment_1: &mut [f32],
        moment_2: &mut [f32],
    ) {
        let n = parameters.len();
        let one_length = gradient.len() == n && moment_1.len() == n && moment_2.len() == n;
        assert!(one_length, "AdamW: parameters, gradient and moments have one length");
        let moments = moment_1.par_chunks_mut(ELEMENTS).zip(moment_2.par_chunks_mut(ELEMENTS));
        let values = parameters.par_chunks_mut(ELEMENTS).zip(gradient.par_chunks(ELEMENTS));
        values.zip(moments).for_each(|((parameters, gradient), (moment_1, moment_2))| {
            vectorized!(self.update_chunk(parameters, gradient, moment_1, moment_2));
        });
    }

    #[inline(always)]
    fn update_chunk(
        self,
        parameters: &mut [f32],
        gradient: &[f32],
        moment_1: &mut [f32],
        moment_2: &mut [f32],
    ) {
        let unbias_1 = 1.0 / (1.0 - self.beta_1.powi(self.step));
        let unbias_2 = 1.0 / (1.0 - self.beta_2.powi(self.step));
        let keep = 1.0 - self.learning_rate * self.weight_decay;
        let moments = moment_1.iter_mut().zip(moment_2);
        for ((p, &g), (m, v)) in parameters.iter_mut().zip(gradient).zip(moments) {
            *m = self.beta_1 * *m + (1.0 - self.beta_1) * g;
            *v = self.beta_2 * *v + (1.0 - self.beta_2) * g * g;
            let delta = (*m * unbias_1) / ((*v * unbias_2).sqrt() + self.epsilon);
            *p = *p * keep - self.learning_rate * delta;
        }
    }
}

/// `Σ x²`, the square of a norm: blocks in `f32`, their sum in `f64`.
pub fn sum_of_squares(x: &[f32]) -> f64 {
    let partials: Vec<f32> =
        x.par_chunks(ELEMENTS).map(|x| vectorized!(sum_of(x, |x| x * x))).collect();
    partials.into_iter().map(f64::from).sum()
}
