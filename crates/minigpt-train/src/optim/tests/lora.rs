//! Fifty steps of LoRA against PEFT's: `tests/fixtures/lora.py` made the reference.

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use minigpt_model::{FrozenType, Gpt, LoraConfig, Precision, SavedModel, WeightType};
use serde_json::Value;

use crate::config::{OptimizerConfig, ScheduleConfig};
use crate::data::batches::TokenBatch;
use crate::optim::optimizer::learner;
use crate::optim::schedule::Schedule;
use crate::optim::step::take_step;
use crate::optim::trainee::Trainee;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
const LLAMA: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../minigpt-model/tests/fixtures/families/llama");
/// Its head is its vectors of tokens.
const TIED: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../minigpt-model/tests/fixtures/families/llama3");

/// The losses of steps from the adapter in `start` on.
fn losses(base: Gpt, start: &Path, reference: &Value, precision: Precision) -> Vec<f64> {
    let device = Device::flex().autodiff();
    let batches: Vec<Vec<Vec<i32>>> = serde_json::from_value(reference["batches"].clone()).unwrap();
    let steps = 50;
    let model = base.with_adapter(start).unwrap().with_precision(precision);
    let config = OptimizerConfig { weight_decay: 0.0, ..OptimizerConfig::default() };
    let rate = reference["rate"].as_f64().unwrap();
    let constant = ScheduleConfig { final_ratio: 1.0, ..ScheduleConfig::cosine(rate, 0) };
    let schedule = Schedule::new(constant, steps);
    let mut learner = learner(Trainee::new(model, 1, 0.0), &config, schedule);
    learner.fork(&device);
    let step = |index: usize| {
        let rows = &batches[index % batches.len()];
        let time = rows[0].len() - 1;
        let part = |range: std::ops::Range<usize>| {
            let ids: Vec<i32> = rows.iter().flat_map(|row| row[range.clone()].to_vec()).collect();
            Tensor::from_data(TensorData::new(ids, [rows.len(), time]), &device)
        };
        let (tokens, targets, predicted) = (part(0..time), part(1..time + 1), rows.len() * time);
        let batch = TokenBatch::of_tokens(tokens, targets, predicted);
        let (loss, _) = take_step(&mut learner, batch, config.grad_clip);
        f64::from(loss.nats.into_scalar::<f32>()) / predicted as f64
    };
    (0..steps).map(step).collect()
}

/// The base as it is, or frozen.
fn base(path: &Path, frozen: Option<WeightType>) -> Gpt {
    let (saved, device) = (SavedModel::open(path).unwrap(), Device::flex().autodiff());
    match frozen {
        None => saved.load(&device).unwrap(),
        Some(weight_type) => {
            let keeps_embedding = path == Path::new(TIED);
            let frozen = FrozenType { weight_type, keeps_embedding };
            saved.load_frozen(frozen, &device).unwrap()
        }
    }
}

fn furthest(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!((found.len(), expected.len()), (50, 50));
    found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

fn reference(folder: &Path) -> Value {
    serde_json::from_slice(&fs_err::read(folder.join("lora.json")).unwrap()).unwrap()
}

#[test]
fn losses_are_those_of_peft_on_a_base_that_is_frozen_and_on_one_that_is_not() {
    let reference = reference(Path::new(FIXTURES));
    for (kind, path) in [("lora", LLAMA), ("rslora", LLAMA), ("dora", LLAMA), ("whole", TIED)] {
        let start = Path::new(FIXTURES).join(format!("{kind}-start"));
        let expected: Vec<f64> = serde_json::from_value(reference[kind].clone()).unwrap();
        for frozen in [None, Some(WeightType::F32)] {
            let base = base(Path::new(path), frozen);
            let found = losses(base, &start, &reference, Precision::F32);
            let worst = furthest(&found, &expected);
            assert!(worst < 1e-3, "{kind}, {frozen:?}: off by {worst}");
        }
    }
}

/// PEFT's folder at the end of training, beside the weights and merged into them, and written again.
#[test]
fn what_peft_wrote_at_the_end_has_its_loss_and_is_written_as_it_was() {
    let reference = reference(Path::new(FIXTURES));
    let rows: Vec<Vec<i32>> = serde_json::from_value(reference["batches"][0].clone()).unwrap();
    let time = rows[0].len() - 1;
    for (kind, path) in [("dora", LLAMA), ("whole", TIED)] {
        let end = Path::new(FIXTURES).join(format!("{kind}-end"));
        let loss = |model: &Gpt| {
            let device = Device::flex();
            let part = |range: std::ops::Range<usize>| {
                let ids: Vec<i32> =
                    rows.iter().flat_map(|row| row[range.clone()].to_vec()).collect();
                Tensor::from_data(TensorData::new(ids, [rows.len(), time]), &device)
            };
            let sum = model.loss_sum(part(0..time), part(1..time + 1)).into_scalar::<f32>();
            f64::from(sum) / (rows.len() * time) as f64
        };
        let expected = reference[format!("{kind}-end")].as_f64().unwrap();
        let lora = LoraConfig::read_peft(&end).unwrap();
        for frozen in [None, Some(WeightType::F32)] {
            let model = base(Path::new(path), frozen).valid().with_adapter(&end).unwrap();
            assert!((loss(&model) - expected).abs() < 1e-4, "{kind}, {frozen:?}");
            let merged = model.clone().thaw(&lora).unwrap().materialize();
            assert!((loss(&merged) - expected).abs() < 1e-4, "{kind}, {frozen:?}, merged");

            let folder = tempfile::tempdir().unwrap();
            model.save_adapter(&lora, "llama", folder.path()).unwrap();
            let names = |folder: &Path| {
                let bytes = fs_err::read(folder.join("adapter_model.safetensors")).unwrap();
                let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
                let head: BTreeMap<String, Value> =
                    serde_json::from_slice(&bytes[8..][..length]).unwrap();
                let tensors = head.into_iter().filter(|(name, _)| name != "__metadata__");
                tensors.map(|(name, tensor)| (name, tensor["shape"].clone())).collect::<Vec<_>>()
            };
            assert_eq!(names(folder.path()), names(&end), "{kind}");
            let again = base(Path::new(path), frozen).valid().with_adapter(folder.path()).unwrap();
            assert_eq!(loss(&again), loss(&model), "{kind}");
        }
    }
}

/// What a smaller type rounds away is gone from the start, and what is learnt is the same from there.
#[test]
fn losses_on_rounded_weights_are_those_on_the_same_weights_as_numbers() {
    let reference = reference(Path::new(FIXTURES));
    let start = Path::new(FIXTURES).join("lora-start");
    for weight_type in [WeightType::Bf16, WeightType::Q8_0, WeightType::Q4_1] {
        let frozen = base(Path::new(LLAMA), Some(weight_type));
        let lora = LoraConfig::read_peft(&start).unwrap();
        // Without factors yet, this is the base alone.
        let numbers = frozen.clone().thaw(&lora).unwrap();
        let run = |base| losses(base, &start, &reference, Precision::F32);
        let worst = furthest(&run(frozen), &run(numbers));
        assert!(worst < 1e-4, "{weight_type}: off by {worst}");
    }
}
