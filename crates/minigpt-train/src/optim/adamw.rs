//! AdamW in one pass over memory.

use burn::backend::Flex;
use burn::optim::{AdamWConfig, AdamWState, AdaptiveMomentumState, Optimizer};
use burn::tensor::{Device, Tensor, TensorData};

use crate::config::OptimizerConfig;
use crate::optim::in_memory::{is_in_memory, memory};

/// AdamW ([Loshchilov and Hutter, 2019](https://arxiv.org/abs/1711.05101)) with burn's state and record
/// format. On the CPU backend parameters and moments are moved where they lie, on all cores, where burn's
/// own makes a dozen passes; elsewhere it is burn's own.
#[derive(Clone)]
pub(crate) struct FusedAdamW {
    beta_1: f32,
    beta_2: f32,
    epsilon: f32,
    weight_decay: f32,
    plain: burn::optim::AdamW,
}

impl FusedAdamW {
    pub(crate) fn new(config: &OptimizerConfig, weight_decay: f32) -> Self {
        let OptimizerConfig { beta_1, beta_2, epsilon, .. } = *config;
        let plain = AdamWConfig::new()
            .with_beta_1(beta_1)
            .with_beta_2(beta_2)
            .with_epsilon(epsilon)
            .with_weight_decay(weight_decay)
            .build();
        Self { beta_1, beta_2, epsilon, weight_decay, plain }
    }

    fn at(&self, learning_rate: f64, step: usize) -> minigpt_ops::AdamW {
        minigpt_ops::AdamW {
            learning_rate: learning_rate as f32,
            beta_1: self.beta_1,
            beta_2: self.beta_2,
            epsilon: self.epsilon,
            weight_decay: self.weight_decay,
            step: step as i32,
        }
    }
}

impl Optimizer for FusedAdamW {
    type State<const D: usize> = AdamWState<D>;

    fn step<const D: usize>(
        &self,
        learning_rate: f64,
        tensor: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<AdamWState<D>>,
    ) -> (Tensor<D>, Option<AdamWState<D>>) {
        if !is_in_memory(&tensor) {
            return self.plain.step(learning_rate, tensor, gradient, state);
        }
        let state = state.map(|state| state.momentum).unwrap_or_else(|| {
            AdaptiveMomentumState::new(0, zeros_of_shape(&tensor), zeros_of_shape(&tensor))
        });
        let time = state.time + 1;
        let [parameters, mut gradient, mut moment_1, mut moment_2] =
            [tensor, gradient, state.moment_1, state.moment_2].map(memory);
        update(
            self.at(learning_rate, time),
            parameters.storage(),
            gradient.storage_mut(),
            moment_1.storage_mut(),
            moment_2.storage_mut(),
        );
        let [tensor, moment_1, moment_2] =
            [gradient, moment_1, moment_2].map(Tensor::from_primitive::<Flex>);
        let momentum = AdaptiveMomentumState::new(time, moment_1, moment_2);
        (tensor, Some(AdamWState::new(momentum)))
    }

    fn to_device<const D: usize>(state: AdamWState<D>, device: &Device) -> AdamWState<D> {
        burn::optim::AdamW::to_device(state, device)
    }
}

/// As `zeros_like`, which holds them twice for a moment.
fn zeros_of_shape<const D: usize>(tensor: &Tensor<D>) -> Tensor<D> {
    let shape = tensor.shape();
    let zeros = vec![0.0_f32; shape.num_elements()];
    Tensor::from_data(TensorData::new(zeros, shape), &tensor.device())
}

/// Parameters that move at a time: half a megabyte, which stays in the cache.
const AT_ONCE: usize = 1 << 17;

/// Moves the parameters, and puts them where the gradient was: the learner holds the old ones until all
/// have moved, and their copy would cost a model's memory more.
fn update(
    adamw: minigpt_ops::AdamW,
    parameters: &[f32],
    gradient: &mut [f32],
    moment_1: &mut [f32],
    moment_2: &mut [f32],
) {
    let mut moved = vec![0.0; AT_ONCE.min(parameters.len())];
    let moments = moment_1.chunks_mut(AT_ONCE).zip(moment_2.chunks_mut(AT_ONCE));
    let chunks = parameters.chunks(AT_ONCE).zip(gradient.chunks_mut(AT_ONCE)).zip(moments);
    for ((parameters, gradient), (moment_1, moment_2)) in chunks {
        let moved = &mut moved[..parameters.len()];
        moved.copy_from_slice(parameters);
        adamw.update(moved, gradient, moment_1, moment_2);
        gradient.copy_from_slice(moved);
    }
}
