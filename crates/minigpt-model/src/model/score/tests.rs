use burn::module::Param;
use burn::tensor::{Device, Int, Tensor};

use super::POSITIONS;
use crate::{Gpt, GptConfig};

#[test]
fn scores_add_up_to_the_loss_and_only_the_last_are_given() {
    let device = Device::flex();
    let model = Gpt::init(&GptConfig::tiny(50), 3, &device).unwrap();
    // More positions than are computed at once.
    let (batch, time) = (POSITIONS / 32 + 2, 32);
    let ids = Tensor::<1, Int>::arange(0..(batch * (time + 1)) as i64, &device) % 47;
    let ids = ids.reshape([batch, time + 1]);
    let tokens = ids.clone().narrow(1, 0, time);
    let targets = ids.narrow(1, 1, time);
    let all = model.score(tokens.clone(), targets.clone());
    let loss = model.loss_sum(tokens.clone(), targets.clone()).into_scalar::<f32>();
    let sum = all.nats.clone().sum().into_scalar::<f32>();
    assert!((sum / loss - 1.0).abs() < 1e-5, "{sum} is not {loss}");

    let last = model.score(tokens.clone(), targets.clone().narrow(1, time - 3, 3));
    let difference = last.nats - all.nats.narrow(1, time - 3, 3);
    assert!(difference.abs().max().into_scalar::<f32>() < 1e-5);
    let greedy = model.forward(tokens).argmax(2).squeeze_dim::<2>(2).equal(targets);
    let same = greedy.equal(all.is_greedy).all().into_data();
    assert!(same.iter::<bool>().all(|same| same));
}

/// What was computed is as if the vocabulary were not padded, greedy choices included.
#[test]
fn padding_of_the_vocabulary_has_no_weight() {
    let device = Device::flex();
    let padded = Gpt::init(&GptConfig::tiny(64), 3, &device).unwrap();
    let mut plain = padded.clone().with_tokenizer_size(50);
    plain.wte.weight = Param::from_tensor(padded.wte.weight.val().narrow(0, 0, 50));
    let tokens = Tensor::<2, Int>::from_ints([[1, 2, 3, 49, 7]], &device);
    let targets = Tensor::<2, Int>::from_ints([[2, 3, 49, 7, 0]], &device);
    let known = padded.clone().with_tokenizer_size(50);
    let nats =
        |model: &Gpt| model.score(tokens.clone(), targets.clone()).nats.sum().into_scalar::<f32>();
    let loss = |model: &Gpt| model.loss_sum(tokens.clone(), targets.clone()).into_scalar::<f32>();
    assert!((nats(&known) - nats(&plain)).abs() < 1e-4);
    assert!((loss(&known) - nats(&plain)).abs() < 1e-4);
    assert!(nats(&padded) > nats(&plain) + 0.1);
}

#[test]
fn a_model_that_knows_nothing_finds_every_token_equally_hard() {
    let device = Device::flex();
    let mut model = Gpt::init(&GptConfig::tiny(50), 3, &device).unwrap();
    model.wte.weight = Param::from_tensor(Tensor::zeros([50, 64], &device));
    let tokens = Tensor::<2, Int>::from_ints([[1, 2, 3]], &device);
    let nats = model.score(tokens.clone(), tokens).nats.into_data();
    assert!(nats.iter::<f32>().all(|nats| (nats - 50f32.ln()).abs() < 1e-6));
}
