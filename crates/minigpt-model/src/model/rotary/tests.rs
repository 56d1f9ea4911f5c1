use burn::tensor::Tensor;

use super::*;

/// `head_size` 4 and a base of 100: the pairs turn by 1 and by 0.1 radians a position.
#[test]
fn pairs_are_turned_by_their_angles() {
    let device = Device::flex();
    let config = RotaryConfig { base: 100.0, scaling: None };
    let rotation = Rotation::new(config, 4, &[vec![3]], &device);
    let x = Tensor::<4>::from_data([[[[1.0_f32, 0.0, 0.0, 2.0]]]], &device);
    let turned: Vec<f32> = rotation.turn(x).into_data().try_into_vec().unwrap();
    let (first, second) = (3.0_f32, 0.3_f32);
    let expected = [first.cos(), -2.0 * second.sin(), first.sin(), 2.0 * second.cos()];
    for (turned, expected) in turned.iter().zip(expected) {
        assert!((turned - expected).abs() < 1e-6, "{turned} is not {expected}");
    }
}

#[test]
fn products_depend_on_distances_alone() {
    let device = Device::flex();
    let config = RotaryConfig { base: 1e4, scaling: None };
    let x = |seed: f32| {
        let values: Vec<f32> = (0..8).map(|i| (i as f32 * seed).sin()).collect();
        Tensor::<4>::from_data(TensorData::new(values, [1, 1, 1, 8]), &device)
    };
    let product = |query: usize, key: usize| {
        let turn = |place, x| Rotation::new(config, 8, &[vec![place]], &device).turn(x);
        (turn(query, x(1.3)) * turn(key, x(2.1))).sum().into_scalar::<f32>()
    };
    assert!((product(7, 4) - product(103, 100)).abs() < 1e-5);
    assert!((product(7, 4) - product(7, 5)).abs() > 1e-3);
}

#[test]
fn slow_turns_are_scaled_and_fast_ones_are_not() {
    let scaling = RotaryScaling::Llama3 {
        factor: 8.0,
        low_freq_factor: 1.0,
        high_freq_factor: 4.0,
        original_context: 64,
    };
    let turns = |turns: f64| TAU * turns / 64.0;
    assert_eq!(scaled(turns(5.0), scaling), turns(5.0));
    assert_eq!(scaled(turns(0.5), scaling), turns(0.5) / 8.0);
    let between = scaled(turns(2.5), scaling);
    assert!((between / turns(2.5) - (0.5 / 8.0 + 0.5)).abs() < 1e-12);
    assert_eq!(scaled(1.0, RotaryScaling::Linear { factor: 4.0 }), 0.25);
}
