//! The kernels for GPUs against the plain operations, and what they save, on a software adapter.

use std::io::Write;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use burn::tensor::{Device, DeviceKind, Distribution, Int, Tensor, TensorData, activation};
use burn_cubecl::cubecl::config::autotune::{AutotuneLevel, BenchConfig};
use burn_cubecl::cubecl::config::{CubeClRuntimeConfig, RuntimeConfig};
use minigpt_ops::Dropout as Key;

use crate::model::activation::tanh_gelu;
use crate::model::attention::causal_attention;
use crate::model::norm::layer_norm;
use crate::ops::add_squares;
use crate::ops::dropout::DropoutMask;
use crate::ops::plain::chunked;
use crate::ops::tests::{assert_equal, evaluate_on, ids, plainly};
use crate::ops::{Kernels, Precision};
use crate::{Gpt, GptConfig};

/// Set where there is an adapter that computes on the processor, as CI installs one.
const REQUIRE: &str = "MINIGPT_REQUIRE_GPU";

/// The software adapter, for one test at a time: memory is counted per device.
#[allow(clippy::disallowed_methods, reason = "the harness keeps back what eprintln! writes")]
fn gpu() -> Option<MutexGuard<'static, Device>> {
    if std::env::var_os(REQUIRE).is_none() {
        // Not by `eprintln!`, which is kept back where a test passes.
        let reason =
            "kernels for GPUs, because MINIGPT_REQUIRE_GPU is not set; .ci/run shows how to";
        let _ = writeln!(std::io::stderr().lock(), "SKIPPED: {reason}");
        return None;
    }
    static GPU: LazyLock<Mutex<Device>> = LazyLock::new(|| {
        // Of each kernel the fewest forms, once each: in software they take seconds to compile and to run.
        let mut config = CubeClRuntimeConfig::default();
        config.autotune.level = AutotuneLevel::Minimal;
        config.autotune.bench = BenchConfig {
            min_samples: 1,
            max_samples: 1,
            short_circuit_samples: 1,
            ..BenchConfig::default()
        };
        CubeClRuntimeConfig::set(config);
        Mutex::new(Device::wgpu_options().device_kind(DeviceKind::Cpu).init().unwrap())
    });
    Some(GPU.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Bytes on `device`, by burn's own figures, that are in use as long as what is made lives.
fn bytes_kept<T>(device: &Device, make: impl FnOnce() -> T) -> u64 {
    let in_use = || {
        device.sync().unwrap();
        device.memory_pool_usage().unwrap().bytes_in_use
    };
    let before = in_use();
    let made = make();
    let after = in_use();
    drop(made);
    after - before
}

#[test]
fn attention_equals_the_plain_one() {
    let Some(gpu) = gpu() else { return };
    // Shapes below and above what a cube and a tile have, and with remainders.
    for (batch, time, n_head, head_size) in [(2, 5, 3, 4), (1, 70, 2, 33), (1, 131, 1, 64)] {
        for dropout in [Key::NONE, Key::new(0.3, 7).place(1)] {
            let width = 3 * n_head * head_size;
            let run = |device: &Device| {
                evaluate_on(device, &[batch * time * width], |inputs| {
                    let qkv = inputs[0].clone().reshape([width, time, batch]).swap_dims(0, 2);
                    let dropout = match dropout.is_none() {
                        true => DropoutMask::Off,
                        false => DropoutMask::Keyed(dropout),
                    };
                    causal_attention(qkv, n_head, dropout, Precision::F32).flatten(0, 2)
                })
            };
            assert_equal(&run(&gpu), &plainly(|| run(&Device::flex())));
        }
    }
}

#[test]
fn layer_norm_equals_the_plain_one() {
    let Some(gpu) = gpu() else { return };
    // Rows in one slice and in several, narrower and wider than a cube.
    for (batch, time, width) in [(2, 5, 7), (3, 43, 130)] {
        let run = |device: &Device| {
            evaluate_on(device, &[batch * time * width, width, width], |inputs| {
                let x = inputs[0].clone().reshape([width, time, batch]).swap_dims(0, 2);
                layer_norm(x, inputs[1].clone(), Some(inputs[2].clone()), 1e-5).flatten(0, 2)
            })
        };
        assert_equal(&run(&gpu), &plainly(|| run(&Device::flex())));
    }
}

#[test]
fn gelu_equals_the_plain_one() {
    let Some(gpu) = gpu() else { return };
    let run = |device: &Device| {
        evaluate_on(device, &[3 * 101], |inputs| {
            // Far from zero too, where exponentials overflow.
            let x = inputs[0].clone().reshape([101, 3, 1]).swap_dims(0, 2) * 20.0;
            tanh_gelu(x).flatten(0, 2)
        })
    };
    assert_equal(&run(&gpu), &plainly(|| run(&Device::flex())));
}

#[test]
fn the_sum_of_squares_equals_the_cpus() {
    let Some(gpu) = gpu() else { return };
    // Fewer elements than there are parts, more than their units, and a tensor of which memory has more.
    let sum = |device: &Device| {
        let tensor = |rows| Tensor::<2>::ones([rows, 7], device) * 0.5;
        let sum = add_squares(None, tensor(1));
        let sum = add_squares(Some(sum), tensor(10_000).transpose());
        add_squares(Some(sum), tensor(9).narrow(0, 4, 2)).sum().into_scalar::<f32>()
    };
    assert_eq!(sum(&gpu), 70_021.0 / 4.0);
    assert_eq!(sum(&Device::flex()), 70_021.0 / 4.0);
}

#[test]
fn dropped_elements_are_those_of_the_cpu() {
    let Some(gpu) = gpu() else { return };
    let run = |device: &Device| {
        evaluate_on(device, &[3 * 1000], |inputs| {
            let x = inputs[0].clone().reshape([1000, 3]).swap_dims(0, 1);
            DropoutMask::Keyed(Key::new(0.4, 11)).apply(x).flatten(0, 1)
        })
    };
    assert_eq!(run(&gpu), run(&Device::flex()));
}

#[test]
fn a_block_keeps_what_the_estimate_of_memory_says() {
    let Some(gpu) = gpu() else { return };
    let device = gpu.clone().autodiff();
    let [batch, time, n_head, n_embd] = [4, 128, 4, 64];
    let tokens = TensorData::new(ids(batch * time, 300, 1), [batch, time]);
    let tokens = Tensor::<2, Int>::from_data(tokens, &device);
    let gpt2 = GptConfig::new(300, time, 2, n_head, n_embd).with_dropout(0.1);
    // Of burn's own operations, a part of a tensor may or may not hold on to the whole: Llama's gate.
    for (name, config, slack) in [("GPT-2", gpt2.clone(), 0), ("Llama", gpt2.as_llama(), 3 * 64)] {
        let kept = |n_layer| {
            let model = Gpt::init(&GptConfig { n_layer, ..config.clone() }, 7, &device).unwrap();
            bytes_kept(&gpu, || model.hidden(tokens.clone()))
        };
        let of_two = || [kept(2), (kept(2) - kept(1)) / (4 * batch * time) as u64];
        let ([bytes, floats], [plain_bytes, plain_floats]) = (of_two(), plainly(of_two));
        eprintln!(
            "{name}: 2 blocks keep of 4 x 128 tokens {bytes} bytes, by plain operations {plain_bytes}; each of \
             them {floats} and {plain_floats} floats a token"
        );
        let estimate = config.saved_activations_per_block(Kernels::Gpu, Precision::F32) as u64;
        // Sums of the attention's heads, and two statistics of each of two norms.
        let expected = estimate + (n_head + 2 * 2) as u64;
        assert!(floats.abs_diff(expected) <= slack, "{name}: {floats} are not {expected}");
        // A map of attention per head at the least.
        assert!(plain_floats > floats + (n_head * time) as u64, "{plain_floats} are not far above");
    }
}

#[test]
fn cross_entropy_in_chunks_takes_less_than_all_logits() {
    let Some(gpu) = gpu() else { return };
    let device = gpu.clone().autodiff();
    let [tokens, n_embd, vocab_size, rows] = [128, 32, 2048, 16];
    let leaf = |rows: usize| {
        let values = Tensor::<2>::random([rows, n_embd], Distribution::Default, &*gpu);
        Tensor::from_inner(values).require_grad()
    };
    let targets = TensorData::new(ids(tokens, vocab_size, 3), [tokens]);
    let targets = Tensor::<1, Int>::from_data(targets, &device);
    let (hidden, head) = (leaf(tokens), leaf(vocab_size));
    let in_chunks = || {
        let (hidden, head, targets) = (hidden.clone(), head.clone(), targets.clone());
        chunked::in_chunks(hidden, head, targets, 0.0, rows, Precision::F32).objective
    };
    let at_once = || {
        let logits = hidden.clone().matmul(head.clone().transpose());
        let chosen = activation::log_softmax(logits, 1).gather(1, targets.clone().unsqueeze_dim(1));
        chosen.sum().neg()
    };
    let step = |loss: Tensor<1>| {
        let gradients = loss.clone().backward();
        [hidden.grad(&gradients).unwrap(), head.grad(&gradients).unwrap()]
            .map(|gradient| gradient.into_data().try_into_vec::<f32>().unwrap())
    };
    let (kept, kept_at_once) = (bytes_kept(&gpu, in_chunks), bytes_kept(&gpu, at_once));
    eprintln!(
        "cross-entropy keeps of {tokens} tokens and {vocab_size} ids: {kept} bytes, of all logits at once \
         {kept_at_once}"
    );
    let logits = (tokens * vocab_size * 4) as u64;
    assert!(kept < logits / 2 && kept_at_once >= logits, "{kept} and {kept_at_once} bytes kept");
    assert_equal(&step(in_chunks()), &step(at_once()));
}
