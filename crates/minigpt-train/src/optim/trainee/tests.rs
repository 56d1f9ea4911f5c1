//! Direct preference optimisation against TRL's formula in PyTorch: `tests/fixtures/dpo.py` made the reference.

use std::path::Path;

use burn::train::InferenceStep;
use minigpt_data::{TokenPair, TokenRow};
use serde_json::Value;

use super::*;
use crate::config::{Decay, OptimizerConfig, ScheduleConfig};
use crate::data::pairs::ReferredPair;
use crate::optim::optimizer::learner;
use crate::optim::schedule::Schedule;
use crate::optim::step::take_step;

const MODEL: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../minigpt-model/tests/fixtures/gpt2-tiny-random");

fn reference() -> Value {
    serde_json::from_str(include_str!("../../../tests/fixtures/dpo.json")).unwrap()
}

fn row(prompt: &[u32], answer: &[u32]) -> TokenRow {
    let all = [prompt, answer].concat();
    let is_answer = |at: usize| at + 1 >= prompt.len();
    let targets = all.iter().skip(1).enumerate().map(|(at, id)| is_answer(at).then_some(*id));
    TokenRow {
        inputs: all[..all.len() - 1].to_vec(),
        targets: targets.collect(),
        segments: Vec::new(),
    }
}

fn pairs(reference: &Value, advantages: &[f32]) -> Vec<ReferredPair> {
    let ids = |pair: &Value, field: &str| -> Vec<u32> {
        serde_json::from_value(pair[field].clone()).unwrap()
    };
    let pairs = reference["pairs"].as_array().unwrap().iter().zip(advantages);
    let referred = |(pair, advantage): (&Value, &f32)| {
        let prompt = ids(pair, "prompt");
        let [chosen, rejected] = ["chosen", "rejected"].map(|kind| row(&prompt, &ids(pair, kind)));
        ReferredPair { pair: TokenPair { chosen, rejected }, reference: *advantage }
    };
    pairs.map(referred).collect()
}

/// What the reference's model prefers, as PyTorch has it.
fn advantages(reference: &Value) -> Vec<f32> {
    let [chosen, rejected]: [Vec<f32>; 2] =
        serde_json::from_value(reference["references"].clone()).unwrap();
    chosen.iter().zip(&rejected).map(|(chosen, rejected)| chosen - rejected).collect()
}

fn trainee(beta: f64, accumulation: usize, device: &Device) -> Trainee {
    let model = Gpt::from_pretrained(Path::new(MODEL), device).unwrap();
    Trainee::new(model, accumulation, 0.0).with_beta(beta)
}

fn numbers(figures: Tensor<1>) -> Vec<f64> {
    figures.into_data().iter::<f64>().collect()
}

/// Loss, gradient norm, margin and accuracy of each step.
fn train(accumulation: usize, gradient_checkpointing: bool) -> Vec<[f64; 4]> {
    let (reference, device) = (reference(), Device::flex().autodiff());
    let number = |field: &str| reference[field].as_f64().unwrap();
    let trainee = trainee(number("beta"), accumulation, &device)
        .with_gradient_checkpointing(gradient_checkpointing);
    let config = OptimizerConfig::default();
    let schedule = ScheduleConfig {
        decay: Decay::Constant,
        ..ScheduleConfig::cosine(number("learning_rate"), 0)
    };
    let steps = reference["steps"].as_array().unwrap().len();
    let mut learner = learner(trainee, &config, Schedule::new(schedule, steps));
    learner.fork(&device);
    let pairs = pairs(&reference, &advantages(&reference));
    let step = |_| {
        let batch = TokenBatch::of_pairs(&pairs, &device);
        let (loss, norm) = take_step(&mut learner, batch, config.grad_clip);
        let count = pairs.len() as f64;
        let preferred = numbers(loss.preferences.unwrap());
        let [loss, norm] = [loss.nats, norm].map(|figure| numbers(figure)[0]);
        [loss / count, norm, preferred[0] / count, preferred[1] / count]
    };
    (0..steps).map(step).collect()
}

#[track_caller]
fn compare(found: &[[f64; 4]]) {
    let reference = reference();
    for (step, (found, expected)) in
        found.iter().zip(reference["steps"].as_array().unwrap()).enumerate()
    {
        let names = ["loss", "grad_norm", "margin", "accuracy"];
        for (found, name) in found.iter().zip(names) {
            // At the first step a margin is 0, and rounding decides whether it is above.
            if step == 0 && name == "accuracy" {
                continue;
            }
            let expected = expected[name].as_f64().unwrap();
            let difference = (found - expected).abs() / expected.abs().max(0.1);
            assert!(difference < 1e-3, "step {step}: {name} {found} instead of {expected}");
        }
    }
}

#[test]
fn preferences_are_learnt_as_trl_does() {
    compare(&train(1, false));
}

#[test]
fn parts_and_checkpoints_of_gradients_are_the_same_step() {
    compare(&train(3, true));
}

/// Where the model is its own reference, it is for and against each answer alike.
#[test]
fn before_the_first_step_the_loss_is_ln_2() {
    let (reference, device) = (reference(), Device::flex());
    for beta in [0.05, 0.5, 3.0] {
        let trainee = trainee(beta, 1, &device);
        for count in 1..=3 {
            let unknown = pairs(&reference, &vec![0.0; count]);
            let batch = TokenBatch::of_pairs(&unknown, &device);
            let answers = numbers(trainee.row_log_probabilities(batch));
            assert_eq!(answers.len(), 2 * count);
            let own: Vec<f32> = answers.chunks(2).map(|pair| (pair[0] - pair[1]) as f32).collect();
            let batch = TokenBatch::of_pairs(&pairs(&reference, &own), &device);
            let loss = InferenceStep::step(&trainee, batch);
            assert_eq!(loss.predicted, count);
            let mean = numbers(loss.nats)[0] / count as f64;
            assert!((mean - 2f64.ln()).abs() < 1e-5, "{mean} for {count} pairs, beta {beta}");
            assert!(numbers(loss.preferences.unwrap())[0].abs() < 1e-4);
        }
    }
    // The log-probabilities are PyTorch's.
    let batch = TokenBatch::of_pairs(&pairs(&reference, &[0.0; 3]), &device);
    let answers = numbers(trainee(0.1, 1, &device).row_log_probabilities(batch));
    let [chosen, rejected]: [Vec<f64>; 2] =
        serde_json::from_value(reference["references"].clone()).unwrap();
    for (answers, expected) in answers.chunks(2).zip(chosen.into_iter().zip(rejected)) {
        assert!((answers[0] - expected.0).abs() < 1e-3, "{answers:?} instead of {expected:?}");
        assert!((answers[1] - expected.1).abs() < 1e-3, "{answers:?} instead of {expected:?}");
    }
}
