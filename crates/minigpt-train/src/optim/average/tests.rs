use minigpt_model::{Gpt, GptConfig};

use super::*;
use burn::tensor::Device;

#[test]
fn it_is_the_weighted_sum_of_what_it_followed() {
    let device = Device::flex();
    let config = GptConfig::tiny(16);
    let trainee = |seed| Trainee::new(Gpt::init(&config, seed, &device).unwrap(), 1, 0.0);
    let first = trainee(1);
    let second = trainee(2);
    let mut average = Average::new(0.9, first.clone());
    average.follow(&second, 10_000);
    let weights = |trainee: &Trainee| trainee.transformer.wte.weight.val();
    let expected = weights(&first) * 0.9 + weights(&second) * 0.1;
    assert!(weights(&average.weights).all_close(expected, Some(1e-6), Some(1e-7)));

    // At the start it all but forgets where it began.
    let mut young = Average::new(0.9, first.clone());
    young.follow(&second, 1);
    let expected = weights(&first) * (2.0 / 11.0) + weights(&second) * (9.0 / 11.0);
    assert!(weights(&young.weights).all_close(expected, Some(1e-6), Some(1e-7)));
}
