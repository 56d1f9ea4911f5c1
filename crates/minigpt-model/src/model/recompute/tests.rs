//! Backward passes block by block against those that keep everything.

use std::sync::PoisonError;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::ops::tests::{GENERATOR, assert_equal, ids, plainly};
use crate::{Gpt, GptConfig, LoraConfig};

/// Every gradient of a model, in its order.
struct Collect<'a>(&'a GradientsParams, Vec<Vec<f32>>);

impl ModuleVisitor for Collect<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(gradient) = self.0.get::<D>(param.id) else { return };
        self.1.push(gradient.into_data().try_into_vec().unwrap());
    }
}

/// The nats of a batch and the gradients of all parameters that are trained, with dropout at `rate`.
fn gradients(by_block: bool, rate: f64) -> (f32, Vec<Vec<f32>>) {
    gradients_of(by_block, rate, |model| model)
}

fn gradients_of(by_block: bool, rate: f64, prepare: impl Fn(Gpt) -> Gpt) -> (f32, Vec<Vec<f32>>) {
    let _alone = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    let device = Device::flex().autodiff();
    let config = GptConfig::new(211, 24, 3, 3, 33).with_dropout(rate);
    let model = prepare(Gpt::init(&config, 4, &device).unwrap());
    let row = |seed| {
        Tensor::<2, Int>::from_data(TensorData::new(ids(5 * 23, 211, seed), [5, 23]), &device)
    };
    device.seed(9);
    let (nats, gradients) = if by_block {
        let mut parts = GradientsAccumulator::new();
        let objective = |hidden| {
            let loss = model.loss_of_hidden(hidden, None, row(2), 0.1);
            (loss.objective / 7.0, loss.nats)
        };
        let nats = model.backward_by_block(row(1), None, objective, |part| {
            parts.accumulate(&model, GradientsParams::from_grads(part, &model));
        });
        (nats, parts.grads())
    } else {
        let loss = model.smoothed_loss_sum(row(1), row(2), 0.1);
        let gradients = (loss.objective / 7.0).backward();
        (loss.nats, GradientsParams::from_grads(gradients, &model))
    };
    let mut collect = Collect(&gradients, Vec::new());
    model.visit(&mut collect);
    (nats.into_scalar(), collect.1)
}

#[test]
fn a_backward_pass_by_block_has_the_same_gradients_to_the_bit() {
    let (nats, kept) = gradients(false, 0.2);
    assert_eq!(kept.len(), 2 + 3 * 12 + 2);
    assert_eq!((nats, kept), gradients(true, 0.2));
    assert_ne!(gradients(true, 0.2), gradients(true, 0.0), "nothing was dropped");
    // Burn's own operations add up in another order, and draw other masks, the same on the way back.
    let [kept, by_block] = [false, true].map(|by_block| plainly(|| gradients(by_block, 0.0)));
    assert_equal(&by_block.1, &kept.1);
    let again = || plainly(|| gradients(true, 0.2));
    assert_eq!(again(), again());
}

#[test]
fn an_adapters_gradients_by_block_are_the_same_to_the_bit() {
    let adapt = |dropout: f64| {
        move |model: Gpt| {
            let lora = LoraConfig { dropout, ..LoraConfig::new(2) };
            model.with_lora(&lora, 1).unwrap()
        }
    };
    let (nats, kept) = gradients_of(false, 0.1, adapt(0.3));
    assert_eq!(kept.len(), 3 * 4 * 2);
    assert_eq!((nats, kept.clone()), gradients_of(true, 0.1, adapt(0.3)));
    assert_ne!(kept, gradients_of(false, 0.1, adapt(0.0)).1, "nothing was dropped");
}
