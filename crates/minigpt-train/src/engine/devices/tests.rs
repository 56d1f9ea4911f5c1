//! Several devices against one.

use burn::module::ModuleVisitor;
use burn::module::Param;
use burn::optim::GradientsParams;
use burn::tensor::{Int, Tensor, TensorData};
use minigpt_model::{Gpt, GptConfig, IGNORE_INDEX};

use super::*;

const VOCAB: usize = 40;

fn trainee(accumulation: usize) -> Trainee {
    let config = GptConfig::new(VOCAB, 12, 2, 2, 16).with_dropout(0.0);
    let model = Gpt::init(&config, 3, &Device::flex().autodiff()).unwrap();
    Trainee::new(model, accumulation, 0.1)
}

/// Windows of which the last has targets that do not count, so that the parts have unequal numbers.
fn batch(windows: usize) -> TokenBatch {
    let count = windows * 12;
    let device = Device::flex().autodiff();
    let ids = |step: usize| (0..count).map(move |at| ((at * step + at / 7) % VOCAB) as i32);
    let tensor =
        |ids: Vec<i32>| Tensor::<2, Int>::from_data(TensorData::new(ids, [windows, 12]), &device);
    let mut targets: Vec<i32> = ids(11).collect();
    targets[count - 9..].fill(IGNORE_INDEX);
    TokenBatch::of_tokens(tensor(ids(5).collect()), tensor(targets), count - 9)
}

fn team(devices: usize) -> Team {
    let cpu = Device::flex().autodiff();
    Team::new(&Devices::new(cpu.clone(), vec![cpu; devices - 1]))
}

/// All gradients, one after the other.
struct Flatten<'a>(&'a GradientsParams, Vec<f32>);

impl ModuleVisitor for Flatten<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = self.0.get::<D>(param.id).expect("a gradient of each parameter");
        self.1.extend(gradient.into_data().try_into_vec::<f32>().unwrap());
    }
}

fn step(devices: usize, windows: usize, accumulation: usize) -> (f32, Vec<f32>) {
    let model = trainee(accumulation);
    let output = team(devices).step(&model, batch(windows)).unwrap();
    let mut gradients = Flatten(&output.grads, Vec::new());
    model.visit(&mut gradients);
    assert_eq!(output.item.predicted, windows * 12 - 9);
    (output.item.nats.into_scalar::<f32>(), gradients.1)
}

#[test]
fn parts_of_a_batch_give_the_gradients_of_the_whole() {
    // Halves, unequal parts, fewer windows than devices, and parts in parts.
    for (devices, windows, accumulation) in [(2, 4, 1), (3, 5, 1), (4, 2, 1), (2, 6, 2)] {
        let (nats, whole) = step(1, windows, 1);
        let (shared_nats, shared) = step(devices, windows, accumulation);
        assert!((nats - shared_nats).abs() < 1e-5 * nats, "{shared_nats} is not {nats}");
        let largest = whole.iter().fold(0.0f32, |largest, g| largest.max(g.abs()));
        assert!(largest > 1e-3);
        for (whole, shared) in whole.iter().zip(&shared) {
            assert!((whole - shared).abs() < 1e-6 * largest.max(1.0), "{shared} is not {whole}");
        }
    }
}

#[test]
fn a_device_that_fails_is_reported_and_the_others_go_on() {
    let (team, model) = (team(2), trainee(1));
    let good = batch(4);
    // The second half goes to the second device.
    let unknown = good.tokens.clone().slice_fill(2..4, VOCAB as i32 + 1);
    let bad = TokenBatch { tokens: unknown, ..good.clone() };
    let error = team.step(&model, bad).map(|_| ()).unwrap_err();
    assert!(matches!(error, TrainError::Device { .. }), "{error}");
    assert!(error.to_string().starts_with("the device failed: number 2 of 2: "), "{error}");
    assert!(team.step(&model, good).is_ok());
}

#[test]
fn messages_are_a_line_and_say_whether_memory_is_short() {
    let lost = TrainError::device("the device was lost\n  by its driver\nBacktrace\n  0: main");
    assert!(lost.to_string().starts_with("the device failed: the device was lost by its driver; "));
    let chain = TrainError::device(
        "it failed\nCaused by:\n  skipped `ElemwiseFuse`\nCaused by:\n  can't allocate buffer of size: 9\n  No \
         backtrace available\nAsked at:\n  No backtrace available\n\
         Caused by:\n  couldn't find resource for that handle\n",
    );
    let expected = "the device has not enough memory: can't allocate buffer of size: 9; lower ";
    assert!(chain.to_string().starts_with(expected), "{chain}");
    for full in [
        "can't allocate buffer of size: 9",
        "out of device memory allocating 9 bytes",
        "couldn't find resource for that handle: Memory location was never initialized",
    ] {
        let error = TrainError::device(full).to_string();
        assert!(error.contains("training.batch_size") && error.contains(full), "{error}");
    }
}
