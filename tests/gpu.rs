//! The wgpu path against the processor, on a software adapter: the commands that users type.

use burn::tensor::{Device, DeviceKind, Gradients, Int, Tensor, TensorData};
use minigpt_model::{Decoder, Gpt, GptConfig};
use minigpt_train::{Split, record_attention};

use crate::support::{Sandbox, losses, prose, train_losses};

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
        eprintln!(
            "SKIPPED: the GPU path, no {DRIVER} driver here; .ci/run shows how to install one"
        );
    }
    found
}

#[test]
fn twenty_steps_and_a_generation_equal_the_processors() {
    let sandbox = Sandbox::new();
    if !has_software_adapter(&sandbox) {
        return;
    }
    sandbox.write("prose.txt", prose());
    let run = |device: &str, name: &str| {
        let train = "train --preset tiny --data prose.txt --tokenizer bpe:300 --max-steps 20 --eval-every 20";
        let rest = ["--device", device, "--name", name];
        sandbox.succeeds(&[&train.split(' ').collect::<Vec<_>>()[..], &rest].concat());
        sandbox.path("runs").join(name)
    };
    let (gpu, cpu) = (run("gpu:software", "gpu"), run("cpu", "cpu"));

    for (step, (gpu, cpu)) in train_losses(&gpu).iter().zip(train_losses(&cpu)).enumerate() {
        assert!((gpu - cpu).abs() < 1e-3, "step {}: {gpu} is not {cpu}", step + 1);
    }
    let last = |run| losses(run, Split::Valid)[0];
    assert!((last(&gpu) - last(&cpu)).abs() < 1e-3);

    // The same checkpoint on both devices: greedy text agrees to the letter.
    let text = |device: &str| {
        let rest = ["--greedy", "--max-tokens", "12", "--device", device];
        sandbox.succeeds(&[&["generate", "runs/gpu", "--prompt", "In the"][..], &rest].concat())
    };
    assert_eq!(text("gpu:software"), text("cpu"));
}

#[track_caller]
fn assert_close(found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len());
    let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= tolerance, "largest difference {worst} exceeds {tolerance}");
}

#[test]
fn cached_logits_and_attention_equal_uncached_ones_and_the_processors() {
    if !has_software_adapter(&Sandbox::new()) {
        return;
    }
    let gpu = Device::wgpu_options().device_kind(DeviceKind::Cpu).init().unwrap();
    let config = GptConfig::new(60, 16, 2, 2, 32);
    let model = |device: &Device| Gpt::init(&config, 5, device).unwrap();
    let (on_gpu, on_cpu) = (model(&gpu), model(&Device::flex()));
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
            assert_close(cached, &uncached(&on_gpu, &gpu, tokens), 1e-5);
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

#[test]
fn gradients_by_block_are_those_of_a_pass_that_keeps_everything() {
    if !has_software_adapter(&Sandbox::new()) {
        return;
    }
    let gpu = Device::wgpu_options().device_kind(DeviceKind::Cpu).init().unwrap().autodiff();
    let model = Gpt::init(&GptConfig::new(60, 16, 2, 2, 32), 5, &gpu).unwrap();
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
    let kept = found(&[model.loss_sum(ids(7), ids(3)).backward()]);
    let mut parts = Vec::new();
    let objective = |hidden| {
        let head = model.wte.weight.val();
        (model.loss_of_hidden(hidden, head, ids(3), 0.0).objective, ())
    };
    model.backward_by_block(ids(7), objective, |part| parts.push(part));
    for (by_block, kept) in found(&parts).iter().zip(&kept) {
        assert_close(by_block, kept, 1e-4);
    }
}
