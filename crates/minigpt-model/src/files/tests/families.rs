//! Each family's files as transformers saves them, against what it computes with them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Int, Tensor, TensorData};
use serde::Deserialize;

use super::logits;
use crate::files::family::Family;
use crate::files::layout::{Layout, NANO_GPT};
use crate::ops::tests::GENERATOR;
use crate::{Generator, Gpt, GptConfig, MlpKind, Sampling, SpecialIds, WeightType};

/// What `make_fixture.py` in the folder made.
const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/families");

#[derive(Deserialize)]
struct Reference {
    tokens: Vec<Vec<i32>>,
    cases: BTreeMap<String, Case>,
    /// Of the last two positions.
    adapted_logits_of_row_0: Vec<f32>,
}

#[derive(Deserialize)]
struct Case {
    /// Of the last two positions.
    logits_of_row_0: Vec<f32>,
    /// The mean over both rows.
    loss: f64,
    /// The norm of each tensor's gradient by transformers' name.
    gradients: BTreeMap<String, f64>,
    greedy: Vec<u32>,
    /// Before each step of AdamW.
    losses: Vec<f64>,
}

fn reference() -> Reference {
    let json = fs_err::read(Path::new(FIXTURES).join("reference.json")).unwrap();
    serde_json::from_slice(&json).unwrap()
}

fn path(case: &str) -> PathBuf {
    let folder = Path::new(FIXTURES).join(case);
    let checkpoint = folder.join("ckpt.pt");
    if checkpoint.exists() { checkpoint } else { folder }
}

fn load(case: &str, device: &Device) -> Gpt {
    Gpt::from_pretrained(&path(case), device).unwrap_or_else(|error| panic!("{case}: {error}"))
}

/// As transformers names the parameters of the model's family.
fn layout(case: &str, config: &GptConfig) -> &'static Layout {
    if case == "nano-gpt" { &NANO_GPT } else { Family::nearest(config).layout() }
}

#[track_caller]
fn assert_close(found: &[f32], expected: &[f32], tolerance: f32, case: &str) {
    assert_eq!(found.len(), expected.len());
    let pairs = found.iter().zip(expected);
    let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= tolerance, "{case}: off by {worst}");
}

#[track_caller]
fn assert_relative(found: f64, expected: f64, case: &str) {
    let error = (found - expected).abs();
    assert!(error <= 1e-3 * expected.abs().max(1e-3), "{case}: {found} is not {expected}");
}

#[test]
fn logits_and_greedy_texts_equal_transformers() {
    let (reference, device) = (reference(), Device::flex());
    for (case, expected) in &reference.cases {
        let model = load(case, &device);
        let all = logits(&model, &reference.tokens[0]);
        let last = &all[all.len() - expected.logits_of_row_0.len()..];
        assert_close(last, &expected.logits_of_row_0, 1e-4, case);
        let prompt: Vec<u32> = reference.tokens[0][..8].iter().map(|id| *id as u32).collect();
        let greedy = Generator::new(&model, &prompt, Sampling::Greedy, 0).unwrap();
        let greedy: Vec<u32> = greedy.take(24).map(|id| id.unwrap()).collect();
        assert_eq!(greedy, expected.greedy, "{case}");
    }
}

/// Every gradient of a model, in its order.
struct Collect<'a>(&'a GradientsParams, Vec<Vec<f32>>);

impl ModuleVisitor for Collect<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = self.0.get::<D>(param.id).expect("each parameter has a gradient");
        self.1.push(gradient.into_data().try_into_vec().unwrap());
    }
}

/// The mean loss of the rows, which has gradients.
fn loss(model: &Gpt, rows: &[Vec<i32>], device: &Device) -> Tensor<1> {
    let (batch, time) = (rows.len(), rows[0].len());
    let tokens = TensorData::new(rows.concat(), [batch, time]);
    let tokens = Tensor::<2, Int>::from_data(tokens, device);
    let (inputs, targets) = (tokens.clone().narrow(1, 0, time - 1), tokens.narrow(1, 1, time - 1));
    model.loss_sum(inputs, targets) / (batch * (time - 1)) as f32
}

#[test]
fn losses_and_gradients_equal_transformers() {
    let (reference, device) = (reference(), Device::flex().autodiff());
    let _alone = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    for (case, expected) in &reference.cases {
        let model = load(case, &device);
        let loss = loss(&model, &reference.tokens, &device);
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        assert_relative(loss.into_scalar::<f32>().into(), expected.loss, case);
        let mut collect = Collect(&gradients, Vec::new());
        model.visit(&mut collect);
        let config = model.config();
        let mut compared = 0;
        for (parameter, gradient) in config.parameters().zip(collect.1) {
            for slice in layout(case, config).slices(config, &parameter) {
                let part = slice.take(&gradient);
                let norm = part.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
                assert_relative(norm, expected.gradients[&slice.name], &slice.name);
                compared += 1;
            }
        }
        assert_eq!(compared, expected.gradients.len(), "{case}");
    }
}

#[test]
fn ten_steps_of_adamw_have_the_losses_of_pytorch() {
    let (reference, device) = (reference(), Device::flex().autodiff());
    let _alone = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    for (case, expected) in &reference.cases {
        let mut model = load(case, &device);
        let config = AdamWConfig::new().with_beta_2(0.999).with_epsilon(1e-8);
        let mut optimizer = config.with_weight_decay(0.1).init();
        for expected in &expected.losses {
            let loss = loss(&model, &reference.tokens, &device);
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            model = optimizer.step(1e-2, model, gradients);
            assert_relative(loss.into_scalar::<f32>().into(), *expected, case);
        }
    }
}

/// Mistral's folder becomes a Llama's, which computes the same.
#[test]
fn what_is_saved_again_computes_the_same_to_the_bit() {
    let (reference, device) = (reference(), Device::flex());
    for case in reference.cases.keys().filter(|case| *case != "nano-gpt") {
        let model = load(case, &device);
        let folder = tempfile::tempdir().unwrap();
        let ids = SpecialIds { bos: Some(1), eos: vec![2] };
        let config = model.config().to_hugging_face(&ids);
        fs_err::write(folder.path().join("config.json"), config).unwrap();
        let file = folder.path().join("model.safetensors");
        model.save_safetensors(&file, WeightType::F32).unwrap();
        let again = Gpt::from_pretrained(folder.path(), &device).unwrap();
        assert_eq!(again.config(), model.config());
        let expected = logits(&model, &reference.tokens[1]);
        assert_eq!(logits(&again, &reference.tokens[1]), expected, "{case}");

        // Other types are those of the rounded weights.
        for weight_type in [WeightType::F16, WeightType::Bf16] {
            model.save_safetensors(&file, weight_type).unwrap();
            let rounded = Gpt::from_pretrained(folder.path(), &device).unwrap();
            rounded.save_safetensors(&file, WeightType::F32).unwrap();
            let again = Gpt::from_pretrained(folder.path(), &device).unwrap();
            let expected = logits(&rounded, &reference.tokens[1]);
            assert_eq!(logits(&again, &reference.tokens[1]), expected, "{case} {weight_type}");
        }
        let path = folder.path().join("model.gguf");
        if model.save_gguf(&[], WeightType::F32, &path).is_ok() {
            let again = Gpt::from_pretrained(&path, &device).unwrap();
            assert_eq!(again.config().position, model.config().position);
            assert_eq!(logits(&again, &reference.tokens[1]), expected, "{case} in GGUF");
        } else {
            assert_eq!(model.config().mlp, MlpKind::GeluExact, "{case}");
        }
    }
}

#[test]
fn what_no_family_has_is_not_written() {
    let model = load("llama", &Device::flex());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let error = model.save_safetensors(&path, WeightType::Q8_0).unwrap_err().to_string();
    assert!(
        error.ends_with("safetensors does not support weights as q8_0: expected f32, f16 or bf16"),
        "{error}"
    );
    let refused = |config: GptConfig, message: &str| {
        let model = Gpt::init(&config, 0, &Device::flex()).unwrap();
        let error = model.save_safetensors(&path, WeightType::F32).unwrap_err().to_string();
        assert!(error.ends_with(message), "{error}");
    };
    let llama = model.config().clone();
    refused(
        GptConfig { mlp: MlpKind::GeluTanh, ..llama.clone() },
        "llama, the nearest model type of other programs, does not support this model's mlp",
    );
    let mut biased = llama.clone();
    biased.bias.attention_output = true;
    refused(biased, "does not support this model's bias");
    refused(
        GptConfig { scale_attn_by_inverse_layer_idx: true, ..llama.clone() },
        "does not support this model's scale_attn_by_inverse_layer_idx",
    );
    let position = GptConfig::tiny(40).position;
    refused(GptConfig { position, ..llama }, "does not support this model's n_kv_head");
    assert!(!path.exists());
}

#[test]
fn an_adapter_of_projections_computes_what_peft_does() {
    let (reference, device) = (reference(), Device::flex());
    let adapter = Path::new(FIXTURES).join("adapter");
    let adapted = load("llama-biased", &device).with_adapter(&adapter).unwrap();
    let expected = &reference.adapted_logits_of_row_0;
    let last = |model: &Gpt| {
        let all = logits(model, &reference.tokens[0]);
        all[all.len() - expected.len()..].to_vec()
    };
    assert_close(&last(&adapted), expected, 1e-4, "beside");
    assert_close(&last(&adapted.clone().materialize()), expected, 1e-4, "merged");

    let folder = tempfile::tempdir().unwrap();
    let lora = crate::LoraConfig::read_peft(&adapter).unwrap();
    adapted.save_adapter(&lora, "llama-biased", folder.path()).unwrap();
    assert_eq!(crate::LoraConfig::read_peft(folder.path()).unwrap(), lora);
    let again = load("llama-biased", &device).with_adapter(folder.path()).unwrap();
    assert_eq!(logits(&again, &reference.tokens[0]), logits(&adapted, &reference.tokens[0]));
}
