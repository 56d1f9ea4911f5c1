//! The wgpu path against the processor, on a software adapter: the commands that users type.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, DeviceKind, Gradients, Int, Tensor, TensorData};
use minigpt_data::TokenStore;
use minigpt_model::{Decoder, Gpt, GptConfig, IGNORE_INDEX};
use minigpt_text::record_attention;
use minigpt_train::{
    DataConfig, Environment, Interrupter, RowSplit, RunConfig, TokenData, TrainEvent, Trainer,
};

use crate::support::{Sandbox, losses, prose, say, skipped, train_losses};

/// CI sets this, so that a missing driver there is a failure and not a skipped test.
const REQUIRE: &str = "MINIGPT_REQUIRE_GPU";

/// Mesa's llvmpipe is a software adapter too, but stalls for minutes on each matrix kernel.
const DRIVER: &str = "SwiftShader";

fn has_software_adapter(sandbox: &Sandbox) -> bool {
    let json = sandbox.succeeds(&["devices", "--json"]);
    let adapters: serde_json::Value = serde_json::from_str(&json).unwrap();
    let found = adapters.as_array().unwrap().iter().any(|adapter| {
        adapter["kind"] == "software" && adapter["name"].as_str().unwrap().contains(DRIVER)
    });
    assert!(
        found || std::env::var_os(REQUIRE).is_none(),
        "no {DRIVER} adapter, and {REQUIRE} is set"
    );
    if !found {
        skipped("no SwiftShader driver, a GPU in software; .ci/run shows how to install one");
    }
    found
}

/// What is compared, and how.
type Part = (&'static str, fn(&Device));

/// One test of six parts: the adapter is one, and tests that waited for it would keep the threads of others idle.
#[test]
fn a_gpu_in_software_computes_what_the_processor_does() {
    if !has_software_adapter(&Sandbox::new()) {
        return;
    }
    let gpu = Device::wgpu_options().device_kind(DeviceKind::Cpu).init().unwrap();
    let parts: [Part; 6] = [
        ("logits, loss and gradients", equals_the_processor),
        ("those of a llama", equals_the_processor_for_a_llama),
        ("cached logits and attention", equals_uncached_logits_and_the_processor),
        ("gradients by block", has_the_same_gradients_by_block),
        ("memory of a hundred and fifty steps", takes_no_more_memory_after_many_steps),
        ("twenty steps, a generation and moved checkpoints", trains_as_the_processor_does),
    ];
    for (name, part) in parts {
        say(format_args!("GPU in software: {name}"));
        part(&gpu);
    }
}

/// A run of twenty steps, with a checkpoint after ten, and batches that two devices cannot halve.
const RUN: &str = "train --preset tiny --data prose.txt --tokenizer bpe:300 --max-steps 20 --eval-every 10 \
    --batch-size 5 --set sample.max_tokens=12";

/// Runs a command whose words have no spaces.
#[track_caller]
fn runs(sandbox: &Sandbox, command: &str) -> String {
    sandbox.succeeds(&command.split(' ').collect::<Vec<_>>())
}

/// Returns the largest difference.
#[track_caller]
fn assert_same_losses(run: &Path, expected: &Path) -> f64 {
    let mut largest = 0.0f64;
    for split in [RowSplit::Train, RowSplit::Valid] {
        let (found, expected) = (losses(run, split), losses(expected, split));
        assert_eq!(found.len(), expected.len());
        for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
            let difference = (found - expected).abs();
            assert!(difference < 1e-3, "{split:?} {}: {found} is not {expected}", at + 1);
            largest = largest.max(difference);
        }
    }
    largest
}

fn trains_as_the_processor_does(_: &Device) {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    let (gpu, cpu) = (sandbox.path("runs/gpu"), sandbox.path("runs/cpu"));
    runs(&sandbox, &format!("{RUN} --name gpu --device gpu:software"));
    runs(&sandbox, &format!("{RUN} --name cpu --device cpu"));
    assert_eq!(train_losses(&gpu).len(), 20);
    let difference = assert_same_losses(&gpu, &cpu);
    say(format_args!("GPU beside CPU: losses of 20 steps differ by at most {difference:.1e}"));

    // The same checkpoint on both devices: greedy text agrees to the letter.
    let text = |device: &str| {
        let rest = ["--greedy", "--max-tokens", "12", "--device", device];
        sandbox.succeeds(&[&["generate", "runs/gpu", "--prompt", "In the"][..], &rest].concat())
    };
    assert_eq!(text("gpu:software"), text("cpu"));
    // So does what each wrote at its validations.
    let samples = |run: &Path| fs_err::read_to_string(run.join("samples.md")).unwrap();
    assert_eq!(samples(&gpu), samples(&cpu));
    assert!(samples(&gpu).contains("step 20"), "{}", samples(&gpu));

    // Without their last checkpoints the runs go on from step 10: the GPU's on the processor, the processor's on both,
    // which share its batches of five.
    for (run, devices) in [(&gpu, "cpu"), (&cpu, "cpu,gpu:software")] {
        fs_err::remove_dir_all(run.join("checkpoints/step-000020")).unwrap();
        let name = run.file_name().unwrap().to_str().unwrap();
        runs(&sandbox, &format!("train --resume runs/{name} --devices {devices}"));
        assert_eq!(train_losses(run).len(), 20);
    }
    runs(&sandbox, &format!("{RUN} --name straight --device cpu"));
    assert_same_losses(&gpu, &sandbox.path("runs/straight"));
    assert_same_losses(&cpu, &sandbox.path("runs/straight"));
}

/// The gradient of each parameter, by the order of the parameters.
struct Flatten<'a>(&'a Gradients, Vec<Vec<f32>>);

impl ModuleVisitor for Flatten<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = param.val().grad(self.0).expect("a gradient of each parameter");
        self.1.push(gradient.into_data().try_into_vec().unwrap());
    }
}

/// Logits, loss, and the gradient of each parameter.
fn forward_and_backward(device: &Device, config: &GptConfig) -> (Vec<f32>, f32, Vec<Vec<f32>>) {
    let device = device.clone().autodiff();
    let model = Gpt::init(config, 7, &device).unwrap();
    let ids = |step: i32| (0..4 * 32).map(move |at| (at * step + at / 5) % 300);
    let tensor =
        |ids: Vec<i32>| Tensor::<2, Int>::from_data(TensorData::new(ids, [4, 32]), &device);
    let tokens = tensor(ids(7).collect());
    let mut targets: Vec<i32> = ids(13).collect();
    targets[100..].fill(IGNORE_INDEX);
    let logits = model.forward(tokens.clone()).into_data().try_into_vec().unwrap();
    let loss = model.smoothed_loss_sum(tokens, tensor(targets), 0.1);
    let gradients = loss.objective.backward();
    let mut flat = Flatten(&gradients, Vec::new());
    model.visit(&mut flat);
    (logits, loss.nats.into_scalar::<f32>(), flat.1)
}

fn equals_the_processor(gpu: &Device) {
    assert_equals_the_processors(gpu, &GptConfig::new(300, 32, 2, 4, 64));
}

/// With grouped queries, RMSNorm, rotary positions and SwiGLU.
fn equals_the_processor_for_a_llama(gpu: &Device) {
    assert_equals_the_processors(gpu, &GptConfig::new(300, 32, 1, 4, 16).as_llama());
}

#[track_caller]
fn assert_equals_the_processors(gpu: &Device, config: &GptConfig) {
    let (logits, loss, gradients) = forward_and_backward(gpu, config);
    let (cpu_logits, cpu_loss, cpu_gradients) = forward_and_backward(&Device::flex(), config);
    let of_logits = assert_close(&logits, &cpu_logits, 1e-4);
    let of_loss = (loss / cpu_loss - 1.0).abs();
    assert!(of_loss < 1e-5, "{loss} is not {cpu_loss}");
    let mut of_gradients = 0.0f32;
    assert_eq!(gradients.len(), cpu_gradients.len());
    for (gpu, cpu) in gradients.iter().zip(&cpu_gradients) {
        let norm =
            |values: &mut dyn Iterator<Item = f32>| values.map(|v| v * v).sum::<f32>().sqrt();
        let difference = norm(&mut gpu.iter().zip(cpu).map(|(a, b)| a - b));
        let size = norm(&mut cpu.iter().copied());
        assert!(size > 0.0 && difference < 1e-3 * size, "{difference} of {size}");
        of_gradients = of_gradients.max(difference / size);
    }
    say(format_args!(
        "GPU beside CPU: logits differ by at most {of_logits:.1e}, the loss by {of_loss:.1e} of it, a gradient \
         by {of_gradients:.1e} of its norm"
    ));
}

/// Returns the largest difference.
#[track_caller]
fn assert_close(found: &[f32], expected: &[f32], tolerance: f32) -> f32 {
    assert_eq!(found.len(), expected.len());
    let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= tolerance, "largest difference {worst} exceeds {tolerance}");
    worst
}

fn equals_uncached_logits_and_the_processor(gpu: &Device) {
    let config = GptConfig::new(60, 16, 2, 2, 32);
    let model = |device: &Device| Gpt::init(&config, 5, device).unwrap();
    let (on_gpu, on_cpu) = (model(gpu), model(&Device::flex()));
    let text: Vec<u32> = (0..16).map(|at| (at * at + 7 * at) % 60).collect();
    let uncached = |model: &Gpt, device: &Device, tokens: &[u32]| -> Vec<f32> {
        let ids: Vec<i32> = tokens.iter().map(|id| *id as i32).collect();
        let ids = TensorData::new(ids, [1, tokens.len()]);
        model
            .forward_last(Tensor::<2, Int>::from_data(ids, device))
            .into_data()
            .try_into_vec()
            .unwrap()
    };
    // Two prompts, the second shorter and so padded, over the whole context.
    let prompts = [text[..5].to_vec(), text[3..5].to_vec()];
    let mut decoder = Decoder::new(&on_gpu, &prompts).unwrap();
    for end in 5..=16 {
        let cached = decoder.logits();
        for (cached, tokens) in cached.iter().zip([&text[..end], &text[3..end]]) {
            assert_close(cached, &uncached(&on_gpu, gpu, tokens), 1e-5);
            assert_close(cached, &uncached(&on_cpu, &Device::flex(), tokens), 1e-4);
        }
        if end < 16 {
            decoder.push(&[text[end]; 2]);
        }
    }

    let steps = |model: &Gpt| record_attention(model, &text[..9], 3).unwrap();
    for (gpu, cpu) in steps(&on_gpu).iter().zip(steps(&on_cpu)) {
        assert_eq!((&gpu.tokens, gpu.chosen), (&cpu.tokens, cpu.chosen));
        for (gpu, cpu) in gpu.maps.iter().zip(&cpu.maps) {
            assert_close(&gpu.weights.concat(), &cpu.weights.concat(), 1e-4);
        }
    }
}

/// Gradients by block are those of a pass that keeps everything.
fn has_the_same_gradients_by_block(gpu: &Device) {
    let gpu = gpu.clone().autodiff();
    let config = GptConfig::new(60, 16, 2, 2, 32).with_dropout(0.2);
    let model = Gpt::init(&config, 5, &gpu).unwrap();
    let ids = |seed: i32| {
        let ids: Vec<i32> = (0..32).map(|at| (at * at + seed * at) % 60).collect();
        Tensor::<2, Int>::from_data(TensorData::new(ids, [2, 16]), &gpu)
    };
    // Of a parameter in one part, and of the one in two.
    let found = |gradients: &[Gradients]| {
        [&model.h[0].attn.c_attn.weight, &model.wte.weight].map(|weight| {
            let parts = gradients.iter().filter_map(|part| weight.grad(part));
            let sum = parts.reduce(|a, b| a + b).unwrap();
            sum.into_data().try_into_vec::<f32>().unwrap()
        })
    };
    gpu.seed(9);
    let kept = found(&[model.loss_sum(ids(7), ids(3)).backward()]);
    gpu.seed(9);
    let mut parts = Vec::new();
    let objective = |hidden| {
        let head = model.wte.weight.val();
        (model.loss_of_hidden(hidden, Some(head), ids(3), 0.0).objective, ())
    };
    model.backward_by_block(ids(7), None, objective, |part| parts.push(part));
    for (by_block, kept) in found(&parts).iter().zip(&kept) {
        assert_close(by_block, kept, 1e-4);
    }
}

fn takes_no_more_memory_after_many_steps(gpu: &Device) {
    let sandbox = Sandbox::new();
    let text = sandbox.write("prose.txt", prose());
    let mut config = RunConfig::tiny();
    let [source, tokenizer] = [text.to_str().unwrap(), "bpe:300"];
    config.data = DataConfig::new(source.parse().unwrap(), tokenizer.parse().unwrap());
    config.model = GptConfig::new(300, 8, 1, 2, 16);
    config.training.batch_size = 2;
    config.training.max_steps = Some(150);
    config.training.eval_every = Some(150);
    config.training.save_every = Some(50);
    config.sample.max_tokens = 2;
    let documents = config.data.open(&mut |_| ()).unwrap();
    let store = TokenStore::prepare(
        &sandbox.path("cache"),
        &documents,
        &config.data.tokenizer,
        &mut |_| (),
    );
    let environment = Environment {
        minigpt: String::new(),
        burn: String::new(),
        git_revision: None,
        device: DRIVER.to_owned(),
        platform: String::new(),
        ..Environment::default()
    };

    let usages = Rc::new(RefCell::new(Vec::new()));
    let (device, seen) = (gpu.clone(), usages.clone());
    let observer = Box::new(move |event| {
        if let TrainEvent::Step(_) = event {
            device.sync().unwrap();
            let usage = device.memory_pool_usage().unwrap();
            seen.borrow_mut().push([usage.bytes_in_use, usage.bytes_reserved]);
        }
    });
    let data = TokenData::from(&store.unwrap());
    let run = sandbox.path("run");
    let devices = gpu.into();
    let trainer =
        Trainer { folder: &run, data, devices, interrupter: Interrupter::new(), observer };
    trainer.train(&config, &environment).unwrap();

    let usages = usages.borrow();
    assert_eq!(usages.len(), 150);
    for (what, at) in [("in use", 0), ("reserved", 1)] {
        let largest = |steps: &[[u64; 2]]| steps.iter().map(|usage| usage[at]).max().unwrap();
        let (early, late) = (largest(&usages[..50]), largest(&usages[100..]));
        say(format_args!(
            "memory {what}: {early} bytes in steps 1 to 50, {late} in steps 101 to 150"
        ));
        // Where in a step it is read varies by a buffer or two, and with it what the pool takes ahead.
        let slack = early / 100;
        assert!(early > 0 && late <= early + slack, "memory {what} grew from {early} to {late}");
    }
}
