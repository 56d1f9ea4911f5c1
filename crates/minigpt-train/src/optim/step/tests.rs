//! A pass in halves beside the same pass as one, and beside itself on another number of threads.

use std::path::Path;

use burn::module::{ModuleVisitor, Param};
use burn::tensor::{Int, TensorData};
use minigpt_model::{Gpt, Segments};

use super::*;

const MODEL: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../minigpt-model/tests/fixtures/gpt2-tiny-random");

fn trainee(dropout: f64, device: &Device) -> Trainee {
    let model = Gpt::from_pretrained(Path::new(MODEL), device).unwrap();
    let config = model.config().clone().with_dropout(dropout);
    let model = Gpt::init(&config, 1, device).unwrap().load_record(model.into_record());
    Trainee::new(model, 1, 0.0)
}

/// Windows of 32 tokens that count up; each begins `apart` further on.
fn batch(windows: usize, apart: usize, device: &Device) -> TokenBatch {
    let ids = |first: usize| {
        let id = |window, place| ((first + window * apart + place) % 300) as i32;
        let ids: Vec<i32> = (0..windows).flat_map(|w| (0..32).map(move |p| id(w, p))).collect();
        Tensor::<2, Int>::from_data(TensorData::new(ids, [windows, 32]), device)
    };
    TokenBatch::of_tokens(ids(0), ids(1), 32 * windows)
}

/// The same windows, each with three examples.
fn packed(windows: usize, device: &Device) -> TokenBatch {
    let lengths = (0..windows).map(|window| vec![10 + window, 5]);
    let segments = Some(Segments::new(lengths, 32));
    TokenBatch { segments, ..batch(windows, 40, device) }
}

/// Pairs of a chosen and a rejected window.
fn preferences(pairs: usize, device: &Device) -> TokenBatch {
    let references: Vec<f32> = (0..pairs).map(|pair| 0.5 - pair as f32).collect();
    let references = Some(Tensor::from_data(TensorData::new(references, [pairs]), device));
    TokenBatch { references, predicted: pairs, ..batch(2 * pairs, 40, device) }
}

/// The loss, and every element of every gradient.
fn numbers(trainee: &Trainee, outputs: Vec<TrainOutput<StepLoss>>) -> Vec<f32> {
    let mut sum = GradientsAccumulator::new();
    let mut numbers = vec![0.0];
    for TrainOutput { grads, item } in outputs {
        numbers[0] += item.nats.into_scalar::<f32>();
        sum.accumulate(trainee, grads);
    }
    let mut elements = Elements { gradients: sum.grads(), numbers };
    trainee.visit(&mut elements);
    elements.numbers
}

struct Elements {
    gradients: GradientsParams,
    numbers: Vec<f32>,
}

impl ModuleVisitor for Elements {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = self.gradients.get::<D>(param.id).expect("every weight has a gradient");
        self.numbers.extend(gradient.into_data().iter::<f32>());
    }
}

fn keys(device: &Device) -> [DropoutKey; 2] {
    [(); 2].map(|()| DropoutKey::draw(device))
}

#[test]
fn halves_add_up_to_the_whole() {
    let device = Device::flex().autodiff();
    let trainee = trainee(0.0, &device);
    let kinds: [fn(usize, &Device) -> TokenBatch; 3] =
        [|windows, device| batch(windows, 40, device), packed, preferences];
    for (kind, windows) in kinds.iter().flat_map(|kind| [1, 2, 5].map(|windows| (kind, windows))) {
        let batch = || kind(windows, &device);
        let whole = numbers(&trainee, vec![trainee.output(batch())]);
        let halves = trainee.in_halves(batch(), keys(&device));
        assert_eq!(halves.len(), windows.min(2));
        let halves = numbers(&trainee, halves);
        let largest = whole[1..].iter().fold(0.0f32, |most, x| most.max(x.abs()));
        assert!(largest > 1e-3, "gradients of nothing: {largest}");
        assert!((whole[0] / halves[0] - 1.0).abs() < 1e-6, "{} and {}", whole[0], halves[0]);
        for (one, two) in whole[1..].iter().zip(&halves[1..]) {
            assert!((one - two).abs() < 1e-5 * largest, "{one} and {two}, of {largest} at most");
        }
    }
}

#[test]
fn halves_are_the_same_to_the_bit_for_any_number_of_threads() {
    let device = Device::flex().autodiff();
    let (trainee, keys) = (trainee(0.3, &device), keys(&device));
    let on_threads = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let outputs = pool.install(|| trainee.in_halves(batch(5, 40, &device), keys));
        numbers(&trainee, outputs).into_iter().map(f32::to_bits).collect::<Vec<_>>()
    };
    let alone = on_threads(1);
    for threads in [2, 3, 8] {
        assert!(on_threads(threads) == alone, "{threads} threads");
    }
}

#[test]
fn each_half_has_masks_of_its_own() {
    let device = Device::flex().autodiff();
    let trainee = trainee(0.3, &device);
    let [key, other] = keys(&device);
    // Two windows of the same tokens.
    let losses = |keys| {
        let outputs = trainee.in_halves(batch(2, 0, &device), keys);
        let losses: Vec<f32> =
            outputs.into_iter().map(|output| output.item.nats.into_scalar::<f32>()).collect();
        <[f32; 2]>::try_from(losses).unwrap()
    };
    let [one, two] = losses([key, key]);
    assert_eq!(one.to_bits(), two.to_bits());
    let [one, two] = losses([key, other]);
    assert!((one - two).abs() > 1e-3, "{one} and {two}");
}

#[test]
fn small_models_alone_go_in_halves() {
    let device = Device::flex().autodiff();
    assert!(trainee(0.0, &device).is_halved());
    let large = GptConfig::new(50_257, 8, 1, 1, 256);
    assert!(large.parameter_counts().total() > MOST_IN_HALVES);
    assert!(!Trainee::new(Gpt::init(&large, 0, &device).unwrap(), 1, 0.0).is_halved());
}
