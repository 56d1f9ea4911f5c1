//! Muon for the matrices inside the blocks.

pub(crate) mod together;

use burn::module::ParamGroup;
use burn::optim::{Optimizer, RecordState, StateSink, StateSource};
use burn::tensor::{Device, Tensor};

use self::together::{Step, Together, Waiting};
use crate::optim::in_memory::is_in_memory;

/// Decay of the momentum, as published.
const MOMENTUM: f32 = 0.95;
const EPSILON: f32 = 1e-7;

/// Muon ([Jordan et al., 2024](https://kellerjordan.github.io/posts/muon/)) at AdamW's learning rates ([Liu et al.,
/// 2025](https://arxiv.org/abs/2502.16982)). The momentum, Nesterov's, of a matrix of m by n is brought near the closest
/// matrix with orthogonal rows or columns, and the weights move by 0.2 · √max(m, n) times the learning rate along it.
///
/// On the CPU backend it is [`minigpt_ops::Muon`].
#[derive(Clone)]
pub(crate) struct Muon {
    weight_decay: f32,
    iterations: &'static [[f32; 3]],
    has_closer_bound: bool,
    waiting: Waiting,
}

impl Muon {
    pub(crate) fn new(weight_decay: f32) -> Self {
        let iterations = &minigpt_ops::Muon::ITERATIONS;
        Self { weight_decay, iterations, has_closer_bound: true, waiting: Waiting::default() }
    }

    /// As it was published and as PyTorch has it: five iterations of one polynomial, from the norm.
    #[cfg(test)]
    pub(crate) fn as_published(weight_decay: f32) -> Self {
        let iterations = &[[3.4445, -4.7750, 2.0315]; 5];
        Self { iterations, has_closer_bound: false, ..Self::new(weight_decay) }
    }

    /// Its step in an optimiser that gives it the group `matrices`.
    pub(crate) fn together(&self, matrices: ParamGroup) -> Together {
        Together { matrices, waiting: self.waiting.clone() }
    }

    /// How far a matrix moves along its update, and what it loses of itself.
    fn rates(&self, learning_rate: f64, [rows, columns]: [usize; 2]) -> (f64, f64) {
        let rate = learning_rate * 0.2 * (rows.max(columns) as f64).sqrt();
        (rate, learning_rate * f64::from(self.weight_decay))
    }

    /// The matrix after a step, and the velocity.
    fn step_by_tensors(
        &self,
        learning_rate: f64,
        matrix: Tensor<2>,
        gradient: Tensor<2>,
        velocity: Tensor<2>,
    ) -> [Tensor<2>; 2] {
        let (rate, decay) = self.rates(learning_rate, matrix.dims());
        let velocity = velocity * MOMENTUM + gradient.clone();
        let update = self.orthogonalized(gradient + velocity.clone() * MOMENTUM);
        [matrix * (1.0 - decay) - update * rate, velocity]
    }

    /// The same by the processor's kernel, still to be taken.
    fn step_in_memory(
        &self,
        learning_rate: f64,
        matrix: Tensor<2>,
        gradient: Tensor<2>,
        velocity: Tensor<2>,
    ) -> Step {
        let (rate, decay) = self.rates(learning_rate, matrix.dims());
        let muon = minigpt_ops::Muon {
            learning_rate: rate as f32,
            decay: decay as f32,
            momentum: MOMENTUM,
            epsilon: EPSILON,
            iterations: self.iterations,
            has_closer_bound: self.has_closer_bound,
        };
        Step { muon, matrix, gradient, velocity }
    }

    /// Near the closest matrix with orthogonal rows, or columns where these are fewer.
    fn orthogonalized(&self, x: Tensor<2>) -> Tensor<2> {
        let [rows, columns] = x.dims();
        let x = if rows > columns { x.transpose() } else { x };
        let norm = |x: Tensor<2>| x.square().sum().sqrt();
        let mut x = x.clone() / norm(x).clamp_min(EPSILON).unsqueeze();
        for (iteration, [a, b, c]) in self.iterations.iter().enumerate() {
            if iteration == 0 && self.has_closer_bound {
                let square = x.clone().matmul(x.clone().transpose());
                let most = norm(square.clone().matmul(square))
                    .sqrt()
                    .sqrt()
                    .clamp_min(minigpt_ops::Muon::LEAST_BOUND);
                x = x / most.unsqueeze();
            }
            let square = x.clone().matmul(x.clone().transpose());
            let fourth = square.clone().matmul(square.clone());
            x = x.clone() * *a + (square * *b + fourth * *c).matmul(x);
        }
        if rows > columns { x.transpose() } else { x }
    }
}

impl Optimizer for Muon {
    type State<const D: usize> = Velocity<D>;

    fn step<const D: usize>(
        &self,
        learning_rate: f64,
        tensor: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<Velocity<D>>,
    ) -> (Tensor<D>, Option<Velocity<D>>) {
        // The group has matrices alone.
        let shape = tensor.dims();
        let after = |moved: [Tensor<2>; 2]| {
            let [tensor, velocity] = moved.map(|tensor| tensor.reshape(shape));
            (tensor, Some(Velocity(velocity)))
        };
        if let Some(moved) = self.waiting.next_taken(&tensor) {
            return after(moved);
        }
        let velocity = state.map_or_else(|| tensor.zeros_like(), |state| state.0);
        let [rows, columns] = [0, 1].map(|axis| shape[axis]);
        let [matrix, gradient, velocity] =
            [tensor.clone(), gradient, velocity].map(|tensor| tensor.reshape([rows, columns]));
        if !is_in_memory(&matrix) {
            return after(self.step_by_tensors(learning_rate, matrix, gradient, velocity));
        }
        let step = self.step_in_memory(learning_rate, matrix, gradient, velocity);
        match self.waiting.join(step) {
            Some(step) => after(step.taken()),
            None => (tensor, None),
        }
    }

    fn to_device<const D: usize>(state: Velocity<D>, device: &Device) -> Velocity<D> {
        Velocity(state.0.to_device(device))
    }
}

/// The momentum of a matrix.
#[derive(Clone, Debug)]
pub(crate) struct Velocity<const D: usize>(Tensor<D>);

/// Where burn's own Muon has it in a checkpoint.
const VELOCITY: &str = "momentum.velocity";

impl<const D: usize> RecordState for Velocity<D> {
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        out.push_tensor(prefix, VELOCITY, self.0.clone().into_data());
    }

    fn state_unflatten(prefix: &str, source: &mut StateSource, device: &Device) -> Option<Self> {
        let data = source.take_tensor(prefix, VELOCITY)?;
        Some(Self(Tensor::from_data(data, device)))
    }
}

#[cfg(test)]
mod tests;
