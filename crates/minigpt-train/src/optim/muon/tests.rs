use burn::optim::decay::WeightDecayConfig;
use burn::optim::{AdjustLrFn, MuonConfig};
use burn::tensor::TensorData;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

const SHAPES: [[usize; 2]; 3] = [[24, 24], [16, 50], [50, 16]];

/// Uniform between -1 and 1, the same for the same seed: burn's own seed is one for all tests.
fn random(shape: [usize; 2], seed: u64) -> Tensor<2> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let values = (0..shape[0] * shape[1]).map(|_| rng.random_range(-1.0f32..1.0)).collect();
    Tensor::from_data(TensorData::new::<f32, _>(values, shape), &Device::flex())
}

/// The difference's norm over the norm.
fn difference(found: Tensor<2>, expected: Tensor<2>) -> f32 {
    let norm = |x: Tensor<2>| x.square().sum().sqrt().into_scalar::<f32>();
    norm(found - expected.clone()) / norm(expected)
}

/// Where three steps lead from a matrix.
fn steps<O: Optimizer>(optimizer: &O, shape: [usize; 2]) -> Tensor<2> {
    let start = random(shape, 0);
    let (mut matrix, mut state) = (start.clone(), None);
    for (seed, learning_rate) in [(1, 1e-2), (2, 2e-2), (3, 1e-3)] {
        (matrix, state) = optimizer.step(learning_rate, matrix, random(shape, seed), state);
    }
    matrix - start
}

/// Both are near the same matrix, singular values within a fifth to a third of 1.
#[test]
fn steps_lead_where_burns_lead() {
    let burn = MuonConfig::new()
        .with_weight_decay(Some(WeightDecayConfig::new(0.1)))
        .with_adjust_lr_fn(AdjustLrFn::MatchRmsAdamW)
        .build();
    for shape in SHAPES {
        let off = difference(steps(&Muon::new(0.1), shape), steps(&burn, shape));
        assert!(off < 0.3, "{shape:?}: off by {off}");
    }
}

#[test]
fn kernel_and_tensors_give_one_step() {
    for shape in SHAPES {
        let [matrix, gradient, velocity] = [4, 5, 6].map(|seed| random(shape, seed));
        let (muon, args) = (Muon::new(0.1), (matrix.clone(), gradient, velocity));
        let [by_kernel, velocity] =
            muon.step_in_memory(0.1, args.0.clone(), args.1.clone(), args.2.clone()).taken();
        let [by_tensors, expected] = muon.step_by_tensors(0.1, args.0, args.1, args.2);
        let off = difference(by_kernel - matrix.clone(), by_tensors - matrix);
        // Products in bfloat16 on a processor that has it.
        assert!(off < 0.05, "{shape:?}: off by {off}");
        assert!(difference(velocity, expected) < 1e-6);
    }
}

/// Its rows are orthogonal, of a length near 1.
#[test]
fn orthogonalized_has_singular_values_near_1() {
    let wide = Muon::new(0.0).orthogonalized(random([16, 50], 7));
    let square = wide.clone().matmul(wide.transpose());
    let off = (square - Tensor::eye(16, &Device::flex())).abs().max().into_scalar::<f32>();
    assert!(off < 0.64, "off by {off}");
}

#[test]
fn singular_values_from_a_hundredth_on_end_near_1() {
    let step = |x: f64, [a, b, c]: [f32; 3]| {
        f64::from(a) * x + f64::from(b) * x.powi(3) + f64::from(c) * x.powi(5)
    };
    for index in 10..=1000 {
        let end = minigpt_ops::Muon::ITERATIONS.into_iter().fold(f64::from(index) / 1000.0, step);
        assert!((0.72..1.28).contains(&end), "{index} thousandths end at {end}");
    }
}

/// Runs that were made with burn's own go on.
#[test]
fn a_checkpoint_of_burns_own_is_read() {
    let device = Device::flex();
    let matrix = Tensor::<2>::from_data([[1.0, 2.0], [3.0, 4.0]], &device);
    let gradient = Tensor::<2>::from_data([[0.5, -1.0], [0.25, 2.0]], &device);
    let burn = MuonConfig::new().build();
    let (_, state) = burn.step(0.1, matrix, gradient.clone(), None);
    let mut sink = StateSink::default();
    state.expect("a state").state_flatten("matrix", &mut sink);
    let mut source = StateSource::default();
    for (name, data) in sink.tensors {
        source.insert_tensor(name, data);
    }
    let velocity = Velocity::<2>::state_unflatten("matrix", &mut source, &device);
    let velocity = velocity.expect("the velocity").0;
    assert_eq!(velocity.into_data(), gradient.into_data());
}
