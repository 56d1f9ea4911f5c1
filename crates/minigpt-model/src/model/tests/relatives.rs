//! GPT-2's relatives against transformers' models of them, and against what must hold for each.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::PoisonError;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, Int, Tensor, TensorData};
use serde::Deserialize;

use super::{assert_close, values};
use crate::model::parameters::{Parameter, Role};
use crate::ops::tests::{GENERATOR, plainly};
use crate::{BiasConfig, Gpt, GptConfig, KvCache, NormConfig, NormKind, Position, RotaryConfig};

/// What `make_fixture.py` in the folder made.
#[derive(Deserialize)]
struct Reference {
    tokens: Vec<Vec<i32>>,
    cases: BTreeMap<String, Case>,
}

#[derive(Deserialize)]
struct Case {
    config: GptConfig,
    /// The sum over both rows.
    nats: f32,
    /// Of the last three positions of each row.
    logits: Vec<f32>,
    last_attention_of_row_0: Vec<f32>,
    /// Of each parameter the sum of its elements' gradients times `value(0, i)`.
    gradients: BTreeMap<String, f32>,
}

fn reference() -> Reference {
    let json = include_str!("../../../tests/fixtures/relatives/reference.json");
    serde_json::from_str(json).unwrap()
}

/// Element `i` of parameter number `k`.
fn value(k: usize, i: usize) -> f32 {
    (((i * 7919 + k * 104_729) % 1009) as f64 / 1009.0 * 0.6 - 0.3) as f32
}

/// The model whose weights are by the formula.
fn model(config: &GptConfig, device: &Device) -> Gpt {
    config.validate().unwrap();
    let mut k = 0;
    let model = Gpt::assemble(config, device, |Parameter { shape, role, .. }| {
        let more = if *role == Role::NormScale { 1.0 } else { 0.0 };
        let elements = shape.iter().product();
        let values: Vec<f32> = (0..elements).map(|i| value(k, i) + more).collect();
        k += 1;
        Ok::<_, Infallible>(TensorData::new(values, shape.clone()))
    });
    model.unwrap()
}

fn batch(rows: &[Vec<i32>], device: &Device) -> Tensor<2, Int> {
    Tensor::from_data(TensorData::new(rows.concat(), [rows.len(), rows[0].len()]), device)
}

/// Each case, and choices that transformers has no model of.
fn configurations() -> Vec<(String, GptConfig)> {
    let cases = reference().cases.into_iter().map(|(name, case)| (name, case.config));
    let plain = GptConfig::new(13, 32, 2, 4, 16);
    let turned = Position::Rotary(RotaryConfig { base: 100.0, scaling: None });
    let more = [
        ("no bias", GptConfig { bias: BiasConfig::NONE, ..plain.clone() }),
        ("scaled", GptConfig { scale_attn_by_inverse_layer_idx: true, ..plain.clone() }),
        ("wide heads", GptConfig { head_size: Some(6), n_kv_head: Some(2), ..plain.clone() }),
        ("layer norm of queries", GptConfig { qk_norm: true, position: turned, ..plain }),
    ];
    cases.chain(more.map(|(name, config)| (name.to_owned(), config))).collect()
}

#[test]
fn logits_losses_and_attention_equal_transformers() {
    let (device, reference) = (Device::flex(), reference());
    for (name, case) in &reference.cases {
        println_case(name);
        let check = || {
            let model = model(&case.config, &device);
            let tokens = batch(&reference.tokens, &device);
            let logits = model.forward(tokens.clone()).narrow(1, 7, 3);
            assert_close(&values(logits), &case.logits, 2e-5);
            let trace = model.attention(tokens.clone()).pop().unwrap().narrow(0, 0, 1);
            assert_close(&values(trace), &case.last_attention_of_row_0, 1e-5);
            let (inputs, targets) = (tokens.clone().narrow(1, 0, 9), tokens.narrow(1, 1, 9));
            let nats = model.loss_sum(inputs, targets).into_scalar::<f32>();
            assert!((nats - case.nats).abs() < 1e-3, "{name}: {nats} is not {}", case.nats);
        };
        check();
        plainly(check);
    }
}

/// The harness shows it where a test fails.
#[allow(clippy::print_stdout, reason = "kept back by the harness where a test passes")]
fn println_case(name: &str) {
    println!("{name}");
}

/// Every gradient of a model, in its order.
struct Collect<'a>(&'a GradientsParams, Vec<Vec<f32>>);

impl ModuleVisitor for Collect<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = self.0.get::<D>(param.id).expect("each parameter has a gradient");
        self.1.push(gradient.into_data().try_into_vec().unwrap());
    }
}

fn gradients(config: &GptConfig, rows: &[Vec<i32>], by_block: bool) -> Vec<Vec<f32>> {
    let _alone = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    let device = Device::flex().autodiff();
    let model = model(config, &device);
    device.seed(5);
    let tokens = batch(rows, &device);
    let last = rows[0].len() - 1;
    let (inputs, targets) = (tokens.clone().narrow(1, 0, last), tokens.narrow(1, 1, last));
    let gradients = if by_block {
        let mut parts = GradientsAccumulator::new();
        let objective = |hidden| {
            let head = model.output_embedding();
            (model.loss_of_hidden(hidden, Some(head), targets, 0.0).objective, ())
        };
        model.backward_by_block(inputs, None, objective, |part| {
            parts.accumulate(&model, GradientsParams::from_grads(part, &model));
        });
        parts.grads()
    } else {
        GradientsParams::from_grads(model.loss_sum(inputs, targets).backward(), &model)
    };
    let mut collect = Collect(&gradients, Vec::new());
    model.visit(&mut collect);
    collect.1
}

#[test]
fn gradients_equal_transformers() {
    let reference = reference();
    for (name, case) in &reference.cases {
        let check = || {
            let found = gradients(&case.config, &reference.tokens, false);
            for (parameter, gradient) in case.config.parameters().zip(found) {
                let sum: f64 = (gradient.iter().enumerate())
                    .map(|(i, gradient)| f64::from(gradient * value(0, i)))
                    .sum();
                let expected = f64::from(case.gradients[&parameter.name]);
                let is_close = (sum - expected).abs() < 1e-3 + 2e-4 * expected.abs();
                assert!(is_close, "{name}: {}: {sum} is not {expected}", parameter.name);
            }
        };
        check();
        plainly(check);
    }
}

#[test]
fn gradients_by_block_are_the_same_to_the_bit() {
    let rows = reference().tokens;
    for (name, config) in configurations() {
        let config = config.with_dropout(0.2);
        let [whole, by_block] = [false, true].map(|by_block| gradients(&config, &rows, by_block));
        assert_eq!(whole, by_block, "{name}");
    }
}

/// Token by token and in pieces, rows of different lengths together, as each would be alone.
#[test]
fn cached_logits_are_those_of_the_whole() {
    let device = Device::flex();
    let rows = reference().tokens;
    for (name, config) in configurations() {
        println_case(&name);
        let model = model(&config, &device);
        let alone = |row: &[i32]| values(model.forward_last(batch(&[row.to_vec()], &device)));
        let mut cache = KvCache::new(vec![0, 3]);
        let padded = |from: usize, to: usize| {
            let shorter = [&[0; 3][..], &rows[1][..7]].concat();
            batch(&[rows[0][from..to].to_vec(), shorter[from..to].to_vec()], &device)
        };
        let mut start = 0;
        for end in [5, 8, 9, 10] {
            let logits = values(model.forward_cached(padded(start, end), &mut cache));
            let expected = [alone(&rows[0][..end]), alone(&rows[1][..end - 3])].concat();
            assert_close(&logits, &expected, 2e-5);
            start = end;
        }
    }
}

#[test]
fn a_row_of_a_batch_has_the_logits_that_it_has_alone() {
    let device = Device::flex();
    let rows = reference().tokens;
    for (_, config) in configurations() {
        let model = model(&config, &device);
        let together = values(model.forward(batch(&rows, &device)));
        let alone = rows
            .iter()
            .flat_map(|row| values(model.forward(batch(std::slice::from_ref(row), &device))));
        assert_close(&together, &alone.collect::<Vec<_>>(), 1e-5);
    }
}

#[test]
fn a_model_without_biases_is_one_whose_biases_are_zero() {
    let device = Device::flex();
    let with = GptConfig::new(13, 32, 2, 4, 16);
    let norms = BiasConfig { norm: true, ..BiasConfig::NONE };
    let of = |config: &GptConfig| {
        let mut k = 0;
        let model = Gpt::assemble(config, &device, |Parameter { shape, role, .. }| {
            let elements = shape.iter().product();
            let values = match role {
                Role::Bias | Role::NormBias => vec![0.0; elements],
                _ => (0..elements).map(|i| value(k, i)).collect(),
            };
            k += usize::from(!matches!(role, Role::Bias | Role::NormBias));
            Ok::<_, Infallible>(TensorData::new(values, shape.clone()))
        });
        values(model.unwrap().forward(batch(&reference().tokens, &device)))
    };
    let expected = of(&with);
    for bias in [norms, BiasConfig::NONE] {
        assert_close(&of(&GptConfig { bias, ..with.clone() }), &expected, 1e-5);
    }
}

#[test]
fn a_fresh_relative_knows_nothing() {
    let device = Device::flex();
    let config = GptConfig {
        norm: NormConfig { kind: NormKind::RmsNorm, epsilon: 1e-6 },
        bias: BiasConfig::NONE,
        tied: false,
        ..GptConfig::new(500, 16, 2, 2, 32)
    };
    let model = Gpt::init(&config, 1, &device).unwrap();
    let head = model.lm_head.as_ref().unwrap().weight.val();
    let deviation = head.square().mean().sqrt().into_scalar::<f32>();
    assert!((deviation / 0.02 - 1.0).abs() < 0.05, "{deviation}");
    let tokens = batch(&[(0..16).collect()], &device);
    let loss = model.loss_sum(tokens.clone(), tokens).into_scalar::<f32>() / 16.0;
    assert!((loss / 500_f32.ln() - 1.0).abs() < 0.02, "{loss}");
}
