use burn::tensor::{Device, Int, Tensor, TensorData};
use burn::train::TrainStep;
use minigpt_model::{Gpt, GptConfig};

use super::*;
use crate::data::batches::TokenBatch;
use crate::optim::clip::clip_global_norm;
use crate::optim::trainee::Trainee;

#[test]
fn gradients_are_the_same_whatever_the_scale() {
    let device = Device::flex().autodiff();
    let model = Gpt::init(&GptConfig::tiny(50).with_dropout(0.0), 0, &device).unwrap();
    let trainee = Trainee::new(model, 2, 0.0);
    let ids = TensorData::new((0..64).map(|i| i * 7 % 50).collect::<Vec<i32>>(), [2, 32]);
    let ids = Tensor::<2, Int>::from_data(ids, &device);
    // Once the gradients are within the limit, once not.
    for limit in [1e6, 1e-3] {
        let [plain, scaled] = [1.0, 4096.0].map(|loss_scale| {
            let (tokens, targets) = (ids.clone(), ids.clone());
            let batch = TokenBatch { loss_scale, ..TokenBatch::of_tokens(tokens, targets, 64) };
            let grads = TrainStep::step(&trainee, batch).grads;
            let (grads, norm) = clip_global_norm(&trainee, grads, limit, loss_scale);
            let wte = grads.get::<2>(trainee.transformer.wte.weight.id).unwrap();
            (norm.into_scalar::<f32>(), wte.into_data())
        });
        assert!((scaled.0 / plain.0 - 1.0).abs() < 1e-6);
        let tolerance = burn::tensor::Tolerance::<f32>::relative(1e-5);
        scaled.1.assert_approx_eq::<f32>(&plain.1, tolerance);
    }
}

#[test]
fn an_overflow_halves_it_and_patience_doubles_it() {
    let scale = LossScale::default();
    let halved = scale.after_an_overflow().unwrap();
    assert_eq!(halved.factor(), 32_768.0);
    let patient = |scale, steps| (0..steps).fold(scale, |scale: LossScale, _| scale.after_a_step());
    assert_eq!(patient(halved, PATIENCE - 1).factor(), 32_768.0);
    assert_eq!(patient(halved, PATIENCE).factor(), 65_536.0);
    let interrupted = patient(halved, PATIENCE - 1).after_an_overflow().unwrap();
    assert_eq!(patient(interrupted, PATIENCE - 1).factor(), 16_384.0);
}

#[test]
fn a_factor_of_one_is_the_last() {
    let scales = std::iter::successors(Some(LossScale::default()), |it| it.after_an_overflow());
    assert_eq!(scales.map(LossScale::factor).last(), Some(1.0));
}
