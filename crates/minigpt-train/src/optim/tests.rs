//! Ten steps against PyTorch's: `tests/fixtures/parity.py` made the reference.

mod lora;

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use burn::train::Learner;
use minigpt_model::Gpt;
use serde_json::Value;

use crate::config::{OptimizerConfig, OptimizerKind, ScheduleConfig};
use crate::data::batches::TokenBatch;
use crate::optim::muon::Muon;
use crate::optim::optimizer::with_muon;
use crate::optim::schedule::Schedule;
use crate::optim::step::take_step;
use crate::optim::trainee::Trainee;

const MODEL: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../minigpt-model/tests/fixtures/gpt2-tiny-random");

/// Loss, gradient norm and learning rate of each step.
fn train(kind: OptimizerKind, batches: &Value) -> Vec<[f64; 3]> {
    let device = Device::flex().autodiff();
    let model = Gpt::from_pretrained(Path::new(MODEL), &device).unwrap();
    let config = OptimizerConfig { kind, ..OptimizerConfig::default() };
    let batches: Vec<Vec<Vec<i32>>> = serde_json::from_value(batches.clone()).unwrap();
    let schedule = Schedule::new(ScheduleConfig::cosine(3e-3, 4), batches.len());
    let trainee = Trainee::new(model, 1, 0.0);
    // PyTorch's, which is the published one.
    let muon = Muon::as_published(config.weight_decay);
    let (trainee, optimizer) = with_muon(trainee, &config, muon);
    let mut learner = Learner::new(trainee, optimizer, schedule);
    learner.fork(&device);
    let step = |rows: Vec<Vec<i32>>| {
        let time = rows[0].len() - 1;
        let part = |range: std::ops::Range<usize>| {
            let ids: Vec<i32> = rows.iter().flat_map(|row| row[range.clone()].to_vec()).collect();
            Tensor::from_data(TensorData::new(ids, [rows.len(), time]), &device)
        };
        let predicted = rows.len() * time;
        let batch = TokenBatch::of_tokens(part(0..time), part(1..time + 1), predicted);
        let (loss, norm) = take_step(&mut learner, batch, config.grad_clip);
        let loss = f64::from(loss.nats.into_scalar::<f32>()) / predicted as f64;
        [loss, norm.into_scalar::<f32>().into(), learner.lr_current().base()]
    };
    batches.into_iter().map(step).collect()
}

/// Compares with PyTorch's rows, and returns the largest relative difference of a loss.
#[track_caller]
fn compare(kind: OptimizerKind, name: &str, tolerance: f64) {
    let reference: Value =
        serde_json::from_str(include_str!("../../tests/fixtures/parity.json")).unwrap();
    let rows = train(kind, &reference["batches"]);
    let expected = reference[name].as_array().unwrap();
    assert_eq!((rows.len(), expected.len()), (10, 10));
    for (step, ([loss, norm, rate], expected)) in rows.iter().zip(expected).enumerate() {
        let differs = |found: f64, key: &str| {
            let expected = expected[key].as_f64().unwrap();
            (found / expected - 1.0).abs()
        };
        assert!(differs(*rate, "learning_rate") < 1e-12, "step {step}: learning rate {rate}");
        for (found, key) in [(loss, "loss"), (norm, "grad_norm")] {
            let difference = differs(*found, key);
            assert!(
                difference < tolerance,
                "step {step}: {key} {found} is off by {difference:.1e}"
            );
        }
    }
}

#[test]
fn adamw_with_decay_groups_clipping_and_cosine_equals_pytorch() {
    compare(OptimizerKind::AdamW, "adamw", 1e-4);
}

/// PyTorch orthogonalises in bfloat16.
#[test]
fn muon_equals_pytorch_to_its_precision() {
    compare(OptimizerKind::Muon, "muon", 1e-2);
}
