//! The model against Hugging Face's GPT-2, and against what must hold for any weights.

mod relatives;

use std::path::Path;

use burn::tensor::{Device, Int, Tensor, TensorData};
use proptest::prelude::*;
use safetensors::SafeTensors;
use serde_json::Value;

use crate::{Generator, Gpt, GptConfig, IGNORE_INDEX, PromptError, Sampling};

/// A random GPT-2 with its logits, loss and greedy text by Hugging Face's own model;
/// `make_fixture.py` in the folder made it.
const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/gpt2-tiny-random");

fn fixture_config() -> GptConfig {
    GptConfig::new(384, 64, 3, 4, 48)
}

fn fixture_model(device: &Device) -> Gpt {
    let model = Gpt::from_pretrained(Path::new(FIXTURE), device).unwrap();
    assert_eq!(*model.config(), fixture_config());
    model
}

fn reference() -> Value {
    serde_json::from_str(include_str!("../../tests/fixtures/gpt2-tiny-random/reference.json"))
        .unwrap()
}

fn ids(json: &Value) -> Vec<i32> {
    json.as_array().unwrap().iter().map(|id| id.as_i64().unwrap() as i32).collect()
}

fn batch(rows: &[Vec<i32>], device: &Device) -> Tensor<2, Int> {
    Tensor::from_data(TensorData::new(rows.concat(), [rows.len(), rows[0].len()]), device)
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

fn continuation(model: &Gpt, prompt: &[u32], sampling: Sampling, n: usize) -> Vec<u32> {
    let generator = Generator::new(model, prompt, sampling, 9).unwrap();
    generator.take(n).map(|token| token.unwrap()).collect()
}

#[track_caller]
fn assert_close(actual: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(actual.len(), expected.len());
    let worst = actual.iter().zip(expected).map(|(a, e)| (a - e).abs()).fold(0.0, f32::max);
    assert!(worst <= tolerance, "largest difference {worst} exceeds {tolerance}");
}

/// The values of a tensor in a safetensors file.
fn stored(file: &[u8], name: &str) -> Vec<f32> {
    let tensors = SafeTensors::deserialize(file).unwrap();
    let tensor = tensors.tensor(name).unwrap();
    let values = tensor.data().chunks_exact(4);
    values.map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
}

/// `make_attention.py` in the folder made the reference.
#[test]
fn attention_equals_hugging_faces() {
    let device = Device::flex();
    let file =
        include_bytes!("../../tests/fixtures/gpt2-tiny-random/reference_attention.safetensors");
    let row = batch(&[ids(&reference()["input_ids"][0])], &device);
    let layers = fixture_model(&device).attention(row);
    let attention: Vec<f32> = layers.into_iter().flat_map(values).collect();
    assert_close(&attention, &stored(file, "attention"), 1e-5);
}

#[test]
fn logits_equal_hugging_faces() {
    let device = Device::flex();
    let file = include_bytes!("../../tests/fixtures/gpt2-tiny-random/reference_logits.safetensors");
    let expected = stored(file, "logits");

    let rows: Vec<_> = reference()["input_ids"].as_array().unwrap().iter().map(ids).collect();
    let logits = values(fixture_model(&device).forward(batch(&rows, &device)));
    assert_close(&logits, &expected, 1e-4);
}

#[test]
fn the_loss_equals_hugging_faces() {
    let device = Device::flex();
    let reference = reference();
    let model = fixture_model(&device);
    for (row, expected) in reference["input_ids"]
        .as_array()
        .unwrap()
        .iter()
        .zip(reference["mean_cross_entropy"].as_array().unwrap())
    {
        let row = ids(row);
        let (inputs, targets) = (row[..15].to_vec(), row[1..].to_vec());
        let nats = model.loss_sum(batch(&[inputs], &device), batch(&[targets], &device));
        let loss = nats.into_scalar::<f32>() as f64 / 15.0;
        assert!((loss - expected.as_f64().unwrap()).abs() < 1e-4, "{loss} is not {expected}");
    }
}

#[test]
fn greedy_text_equals_hugging_faces() {
    let device = Device::flex();
    let reference = reference();
    let prompt: Vec<u32> = ids(&reference["input_ids"][0]).iter().map(|id| *id as u32).collect();
    let model = fixture_model(&device);
    let text = continuation(&model, &prompt, Sampling::Greedy, 8);
    let text: Vec<i32> = text.into_iter().map(|id| id as i32).collect();
    assert_eq!(text, ids(&reference["greedy_8_from_row_0"]));
}

#[test]
fn initial_weights_have_gpt2s_deviations_and_depend_on_the_seed_alone() {
    let device = Device::flex();
    let config = GptConfig::new(500, 64, 3, 4, 64);
    let model = |seed| Gpt::init(&config, seed, &device).unwrap();
    let deviation = |weight: Tensor<2>| weight.square().mean().sqrt().into_scalar::<f32>();
    let block = &model(1).h[2];

    let residual = 0.02 / 6.0_f32.sqrt();
    assert!((deviation(model(1).wte.weight.val()) / 0.02 - 1.0).abs() < 0.02);
    assert!((deviation(block.attn.c_attn.weight.val()) / 0.02 - 1.0).abs() < 0.02);
    assert!((deviation(block.attn.c_proj.weight.val()) / residual - 1.0).abs() < 0.05);
    assert!((deviation(block.mlp.c_proj.weight.val()) / residual - 1.0).abs() < 0.05);
    assert_eq!(values(block.mlp.c_fc.bias.clone().unwrap().val()), vec![0.0; 256]);
    assert_eq!(values(block.ln_1.weight.val()), vec![1.0; 64]);

    assert_eq!(values(model(1).wte.weight.val()), values(model(1).wte.weight.val()));
    assert_ne!(values(model(1).wte.weight.val()), values(model(2).wte.weight.val()));
}

#[test]
fn the_first_loss_is_the_logarithm_of_the_vocabulary() {
    let device = Device::flex();
    for name in ["tiny", "small", "mini"] {
        let config = GptConfig::preset(name, 4096).unwrap();
        let model = Gpt::init(&config, 3, &device).unwrap();
        let text: Vec<i32> = (0..=config.block_size as i32).map(|i| (i * 7919) % 4096).collect();
        let (inputs, targets) = (text[..config.block_size].to_vec(), text[1..].to_vec());
        let nats = model.loss_sum(batch(&[inputs], &device), batch(&[targets], &device));
        let loss = nats.into_scalar::<f32>() / config.block_size as f32;
        let expected = 4096.0_f32.ln();
        assert!((loss / expected - 1.0).abs() < 0.02, "{name}: {loss} is not near {expected}");
    }
}

#[test]
fn the_counted_parameters_are_the_models() {
    use burn::module::Module;
    for config in [GptConfig::tiny(300), GptConfig::small(1000), fixture_config()] {
        let model = Gpt::init(&config, 0, &Device::flex()).unwrap();
        assert_eq!(model.num_params(), config.parameter_counts().total());
    }
}

#[test]
fn a_prompt_that_cannot_be_continued_is_refused() {
    let model = Gpt::init(&GptConfig::tiny(300), 0, &Device::flex()).unwrap();
    let refusal =
        |prompt: &[u32]| Generator::new(&model, prompt, Sampling::Greedy, 0).err().unwrap();
    assert_eq!(refusal(&[]), PromptError::Empty.into());
    assert_eq!(refusal(&[5, 300]), PromptError::UnknownToken { id: 300, vocab_size: 300 }.into());
    assert_eq!(refusal(&[1; 33]), PromptError::TooLong { tokens: 33, block_size: 32 }.into());
}

#[test]
fn generation_goes_on_past_the_context() {
    let model = Gpt::init(&GptConfig::tiny(300), 0, &Device::flex()).unwrap();
    let text = continuation(&model, &[1], Sampling::article(), 70);
    assert_eq!(text.len(), 70);
    assert_eq!(text, continuation(&model, &[1], Sampling::article(), 70));
}

fn tokens(n: usize) -> impl Strategy<Value = Vec<i32>> {
    prop::collection::vec(0..384i32, n)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn no_position_sees_a_later_one(row in tokens(20), changed in 1usize..20, other in 0..384i32) {
        let device = Device::flex();
        let model = fixture_model(&device);
        let mut edited = row.clone();
        edited[changed] = other;
        let before = |row: Vec<i32>| {
            values(model.forward(batch(&[row], &device)).narrow(1, 0, changed))
        };
        assert_close(&before(row), &before(edited), 1e-5);
    }

    #[test]
    fn ignored_targets_add_nothing(inputs in tokens(12), targets in tokens(12), cut in 1usize..12) {
        let device = Device::flex();
        let model = fixture_model(&device);
        let sum = |targets: Vec<i32>| {
            let nats = model.loss_sum(batch(std::slice::from_ref(&inputs), &device), batch(&[targets], &device));
            nats.into_scalar::<f32>()
        };
        let (mut head, mut tail) = (targets.clone(), targets.clone());
        head[cut..].fill(IGNORE_INDEX);
        tail[..cut].fill(IGNORE_INDEX);
        prop_assert!((sum(head) + sum(tail) - sum(targets)).abs() < 1e-3);
    }

    #[test]
    fn the_last_logits_are_the_last_of_all_logits(row in tokens(17)) {
        let device = Device::flex();
        let model = fixture_model(&device);
        let all = model.forward(batch(std::slice::from_ref(&row), &device)).narrow(1, 16, 1);
        assert_close(&values(model.forward_last(batch(&[row], &device))), &values(all), 1e-5);
    }
}
