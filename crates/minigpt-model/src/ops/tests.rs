//! The fused operations against the plain ones: values and gradients.

use std::cell::Cell;
use std::sync::{Mutex, PoisonError};

use burn::module::{Module, Param, ParamId};
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Int, Tensor, TensorData, activation};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::*;
use crate::model::activation::{swiglu, tanh_gelu};
use crate::model::attention::{attention_weights, causal_attention, causal_mask, mix, split};
use crate::model::config::MlpKind;
use crate::model::context::Context;
use crate::model::layer::{Before, linear};
use crate::model::linear::Linear;
use crate::model::mlp::Mlp;
use crate::model::norm::{layer_norm, rms_norm};
use crate::{Gpt, GptConfig};

thread_local! {
    /// Lets the plain operations run where there are kernels.
    pub(super) static PLAIN: Cell<bool> = const { Cell::new(false) };
}

pub(crate) fn plainly<T>(run: impl FnOnce() -> T) -> T {
    PLAIN.set(true);
    let result = run();
    PLAIN.set(false);
    result
}

fn normal(len: usize, seed: u64) -> Vec<f32> {
    StandardNormal.sample_iter(ChaCha8Rng::seed_from_u64(seed)).take(len).collect()
}

/// What an operation gives on the CPU, flat, and its gradients by each input.
fn evaluate(sizes: &[usize], operation: impl Fn(&[Tensor<1>]) -> Tensor<1>) -> Vec<Vec<f32>> {
    evaluate_on(&Device::flex(), sizes, operation)
}

pub(crate) fn evaluate_on(
    device: &Device,
    sizes: &[usize],
    operation: impl Fn(&[Tensor<1>]) -> Tensor<1>,
) -> Vec<Vec<f32>> {
    let device = device.clone().autodiff();
    let leaf = |(seed, len): (usize, &usize)| {
        let values = TensorData::new(normal(*len, seed as u64), [*len]);
        Tensor::<1>::from_data(values, &device).require_grad()
    };
    let leaves: Vec<Tensor<1>> = sizes.iter().enumerate().map(leaf).collect();
    let y = operation(&leaves);
    // Another weight for each element, so that a gradient in the wrong place shows.
    let n = y.dims()[0];
    let weights = Tensor::<1>::from_data(TensorData::new(normal(n, 99), [n]), &device.inner());
    let gradients = (y.clone() * Tensor::from_inner(weights)).sum().backward();
    let gradients = leaves.iter().map(|leaf| leaf.grad(&gradients).unwrap());
    std::iter::once(y.inner())
        .chain(gradients)
        .map(|x| x.into_data().try_into_vec().unwrap())
        .collect()
}

#[track_caller]
pub(crate) fn assert_equal(fused: &[Vec<f32>], plain: &[Vec<f32>]) {
    assert_eq!(fused.len(), plain.len());
    for (index, (fused, plain)) in fused.iter().zip(plain).enumerate() {
        assert_eq!(fused.len(), plain.len());
        let scale = plain.iter().fold(1.0_f32, |scale, x| scale.max(x.abs()));
        let differences = fused.iter().zip(plain).map(|(fused, plain)| (fused - plain).abs());
        let worst = differences.fold(0.0, f32::max);
        assert!(worst <= 2e-5 * scale, "output {index}: off by {worst} of {scale}");
    }
}

/// `[batch, time, width]`, whose memory is in another order.
fn permuted(x: &Tensor<1>, batch: usize, time: usize, width: usize) -> Tensor<3> {
    x.clone().reshape([width, time, batch]).swap_dims(0, 2)
}

fn layer(weight: &Tensor<1>, bias: &Tensor<1>) -> Linear {
    let to = bias.dims()[0];
    let weight = weight.clone().reshape([weight.dims()[0] / to, to]);
    let bias = Param::initialized(ParamId::new(), bias.clone());
    Linear::new(Param::initialized(ParamId::new(), weight), Some(bias))
}

fn perceptron([c_fc, c_proj]: [Linear; 2]) -> Mlp {
    Mlp { c_fc, c_proj, kind: MlpKind::GeluTanh }
}

/// Of a pass that drops nothing.
fn context() -> Context {
    Context { dropout: DropoutState::off(), precision: Precision::F32, rotation: None, apart: None }
}

fn keyed(seed: u64) -> minigpt_ops::Dropout {
    minigpt_ops::Dropout::new(0.3, seed).place(1)
}

pub(crate) fn ids(len: usize, vocab_size: usize, seed: u64) -> Vec<i32> {
    let scaled = |x: f32| ((x.abs() * 1000.0) as usize % vocab_size) as i32;
    normal(len, seed).into_iter().map(scaled).collect()
}

fn shapes() -> impl Strategy<Value = (usize, usize, usize)> {
    (1usize..4, 1usize..20, 1usize..24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn layer_norm_equals_the_plain_one((batch, time, width) in shapes(), wide in 1usize..3) {
        let width = 2 + width * wide;
        let run = || evaluate(&[batch * time * width, width, width], |inputs| {
            let x = permuted(&inputs[0], batch, time, width);
            layer_norm(x, inputs[1].clone(), Some(inputs[2].clone()), 1e-5).flatten(0, 2)
        });
        assert_equal(&run(), &plainly(run));
    }

    #[test]
    fn rms_norm_equals_the_plain_one((batch, time, width) in shapes(), wide in 1usize..3) {
        let width = 2 + width * wide;
        let run = || evaluate(&[batch * time * width, width], |inputs| {
            let x = permuted(&inputs[0], batch, time, width);
            rms_norm(x, inputs[1].clone(), 1e-5).flatten(0, 2)
        });
        assert_equal(&run(), &plainly(run));
    }

    #[test]
    fn swiglu_equals_the_plain_one((batch, time, width) in shapes()) {
        let run = || evaluate(&[batch * time * 2 * width], |inputs| {
            swiglu(permuted(&inputs[0], batch, time, 2 * width)).flatten(0, 2)
        });
        assert_equal(&run(), &plainly(run));
    }

    #[test]
    fn linear_equals_the_plain_one((batch, time, width) in shapes(), to in 1usize..40) {
        let run = || evaluate(&[batch * time * width, width * to, to], |inputs| {
            let x = permuted(&inputs[0], batch, time, width);
            let layer = layer(&inputs[1], &inputs[2]);
            linear(Before::Nothing, x, &layer, &mut context()).flatten(0, 2)
        });
        assert_equal(&run(), &plainly(run));
    }

    #[test]
    fn mlp_equals_the_plain_one((batch, time, width) in shapes(), inner in 1usize..40) {
        let sizes = [batch * time * width, width * inner, inner, inner * width, width];
        let run = || evaluate(&sizes, |inputs| {
            let x = permuted(&inputs[0], batch, time, width);
            let layers = [1, 3].map(|first| layer(&inputs[first], &inputs[first + 1]));
            perceptron(layers).forward(Before::Nothing, x, &mut context()).flatten(0, 2)
        });
        assert_equal(&run(), &plainly(run));
    }

    #[test]
    fn low_rank_equals_the_plain_one(
        (batch, time, width) in shapes(),
        (rank, to) in (1usize..6, 1usize..40),
        key in 0u64..99,
    ) {
        let run = || evaluate(&[batch * time * width, width * rank, rank * to], |inputs| {
            let x = permuted(&inputs[0], batch, time, width);
            let a = inputs[1].clone().reshape([rank, width]).transpose();
            let b = inputs[2].clone().reshape([rank, to]);
            low_rank(x, a, b, 0.7, DropoutMask::Keyed(keyed(key))).flatten(0, 2)
        });
        assert_equal(&run(), &plainly(run));
    }

    #[test]
    fn gelu_equals_the_plain_one((batch, time, width) in shapes()) {
        let run = || evaluate(&[batch * time * width], |inputs| {
            tanh_gelu(permuted(&inputs[0], batch, time, width)).flatten(0, 2)
        });
        assert_equal(&run(), &plainly(run));
    }

    #[test]
    fn layers_without_a_bias_equal_the_plain_ones(
        (batch, time, width) in shapes(),
        inner in 1usize..40,
    ) {
        let sizes = [batch * time * width, width, width * inner, inner * width];
        let run = || evaluate(&sizes, |inputs| {
            let x = permuted(&inputs[0], batch, time, width);
            let layer = |weight: &Tensor<1>, to| {
                let weight = weight.clone().reshape([weight.dims()[0] / to, to]);
                Linear::new(Param::initialized(ParamId::new(), weight), None)
            };
            let layers = [layer(&inputs[2], inner), layer(&inputs[3], width)];
            let x = layer_norm(x, inputs[1].clone(), None, 1e-3);
            perceptron(layers).forward(Before::Nothing, x, &mut context()).flatten(0, 2)
        });
        assert_equal(&run(), &plainly(run));
    }

    /// A frozen layer has a backward pass of its own.
    #[test]
    fn frozen_layers_pass_the_same_gradient((batch, time, width) in shapes(), inner in 1usize..40) {
        let sizes = [width * inner, inner, inner * width, width];
        let parts = |freeze: bool| {
            let device = Device::flex().autodiff();
            let part = |(seed, len): (usize, &usize)| {
                let values = TensorData::new(normal(*len, 7 + seed as u64), [*len]);
                let part = Tensor::<1>::from_data(values, &device);
                if freeze { part } else { part.require_grad() }
            };
            let parts: Vec<Tensor<1>> = sizes.iter().enumerate().map(part).collect();
            let set = |layer: Linear| if freeze { layer.no_grad() } else { layer };
            [(0, 1), (2, 3)].map(|(weight, bias)| set(layer(&parts[weight], &parts[bias])))
        };
        let run = |freeze: bool| evaluate(&[batch * time * width], |inputs| {
            let [c_fc, c_proj] = parts(freeze);
            let x = permuted(&inputs[0], batch, time, width);
            let linear = |x, layer: &Linear| linear(Before::Nothing, x, layer, &mut context());
            let straight = linear(linear(x.clone(), &c_fc), &c_proj);
            let y = perceptron([c_fc, c_proj]).forward(Before::Nothing, x, &mut context());
            (y + straight).flatten(0, 2)
        });
        prop_assert_eq!(run(true), run(false));
    }

    #[test]
    fn residual_dropout_equals_the_plain_one((batch, time, width) in shapes(), key in 0u64..99) {
        let n = batch * time * width;
        let run = || evaluate(&[n, n], |inputs| {
            let [x, branch] = [0, 1].map(|input| permuted(&inputs[input], batch, time, width));
            residual(x, branch, DropoutMask::Keyed(keyed(key))).flatten(0, 2)
        });
        assert_equal(&run(), &plainly(run));
    }

    #[test]
    fn embed_equals_the_plain_one((batch, time, width) in shapes(), key in 0u64..99) {
        let (vocab_size, block_size) = (13, 21);
        let tokens = TensorData::new(ids(batch * time, vocab_size, key), [batch, time]);
        let run = || evaluate(&[vocab_size * width, block_size * width], |inputs| {
            let tokens = Tensor::<2, Int>::from_data(tokens.clone(), &inputs[0].device());
            let wte = inputs[0].clone().reshape([width, vocab_size]).transpose();
            let wpe = inputs[1].clone().reshape([block_size, width]);
            embed(tokens, wte, Some(wpe), DropoutMask::Keyed(keyed(key))).flatten(0, 2)
        });
        assert_equal(&run(), &plainly(run));
    }

    #[test]
    fn attention_equals_the_plain_one(
        (batch, time, n_head, head_size) in (1usize..3, 1usize..90, 1usize..4, 1usize..12),
        key in 0u64..99,
        dropped in any::<bool>(),
    ) {
        let width = 3 * n_head * head_size;
        let base = if dropped { keyed(key) } else { minigpt_ops::Dropout::NONE };
        let fused = evaluate(&[batch * time * width], |inputs| {
            let qkv = permuted(&inputs[0], batch, time, width);
            causal_attention(qkv, n_head, DropoutMask::Keyed(base), Precision::F32).flatten(0, 2)
        });
        // The kernel gives each head and each query a place.
        let mask = (0..batch * n_head * time * time).map(|index| {
            let (row, key) = (index / time, index % time);
            base.place((row / time) as u64).place((row % time) as u64).multiplier(key as u32)
        });
        let mask = TensorData::new(mask.collect::<Vec<f32>>(), [batch, n_head, time, time]);
        let plain = evaluate(&[batch * time * width], |inputs| {
            let device = inputs[0].device();
            let qkv = permuted(&inputs[0], batch, time, width);
            let [q, k, v] = [0, 1, 2].map(|part| {
                split(qkv.clone().narrow(2, part * width / 3, width / 3), n_head, None)
            });
            let weights = attention_weights(q, k, Some(causal_mask(time, &device)));
            let mask = Tensor::<4>::from_data(mask.clone(), &device);
            mix(weights * mask, v).flatten(0, 2)
        });
        assert_equal(&fused, &plain);
    }

    #[test]
    fn cross_entropy_equals_the_textbooks(
        (tokens, width, vocab_size) in (1usize..300, 1usize..12, 2usize..80),
        rows in 1usize..40,
        smoothing in prop::sample::select(vec![0.0, 0.1]),
    ) {
        let mut targets = ids(tokens, vocab_size, 5);
        targets.iter_mut().skip(1).step_by(3).for_each(|target| *target = IGNORE_INDEX);
        let run = |loss: &dyn Fn(Tensor<2>, Tensor<2>, Tensor<1, Int>) -> Tensor<1>| {
            evaluate(&[tokens * width, vocab_size * width], |inputs| {
                let device = inputs[0].device();
                let hidden = inputs[0].clone().reshape([width, tokens]).transpose();
                let head = inputs[1].clone().reshape([vocab_size, width]);
                let targets = TensorData::new(targets.clone(), [tokens]);
                loss(hidden, head, Tensor::from_data(targets, &device))
            })
        };
        let fused = run(&|h, w, t| linear_cross_entropy(h, w, t, smoothing, Precision::F32).objective);
        let chunked = run(&|h, w, t| plain::chunked::in_chunks(h, w, t, smoothing, rows, Precision::F32).objective);
        let textbook = run(&|h, w, t| textbook_loss(h, w, t, smoothing));
        assert_equal(&fused, &textbook);
        assert_equal(&chunked, &textbook);
    }
}

fn textbook_loss(
    hidden: Tensor<2>,
    head: Tensor<2>,
    targets: Tensor<1, Int>,
    smoothing: f64,
) -> Tensor<1> {
    let log_probabilities = activation::log_softmax(hidden.matmul(head.transpose()), 1);
    let targets: Tensor<2, Int> = targets.unsqueeze_dim(1);
    let ignored = targets.clone().lower_elem(0);
    let nats = log_probabilities.clone().gather(1, targets.clamp_min(0)).neg();
    let even = log_probabilities.mean_dim(1).neg();
    (nats * (1.0 - smoothing) + even * smoothing).mask_fill(ignored, 0.0).sum()
}

#[test]
fn smoothing_mixes_the_token_with_the_whole_vocabulary() {
    let loss = || {
        let device = Device::flex();
        // Logits are `hidden` itself under an identity head.
        let hidden = Tensor::<2>::from_floats([[1.0, 2.0, 0.5], [0.0, -1.0, 3.0]], &device);
        let targets = Tensor::<1, Int>::from_ints([2, IGNORE_INDEX], &device);
        let head = Tensor::<2>::eye(3, &device);
        linear_cross_entropy(hidden, head, targets, 0.1, Precision::F32)
    };
    for loss in [loss(), plainly(loss)] {
        // torch.nn.functional.cross_entropy([[1, 2, .5]], [2], label_smoothing=.0 and .1)
        assert!((loss.nats.into_scalar::<f32>() - 1.964_366).abs() < 1e-5);
        assert!((loss.objective.into_scalar::<f32>() - 1.897_699_3).abs() < 1e-5);
    }
}

/// `make_fixture.py` in the folder wrote the values by PyTorch.
#[test]
fn distillation_equals_pytorchs() {
    let json = include_str!("../../tests/fixtures/distillation/reference.json");
    let reference: serde_json::Value = serde_json::from_str(json).unwrap();
    let numbers = |value: &serde_json::Value| -> Vec<f32> {
        value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect()
    };
    let targets: Vec<i32> = numbers(&reference["targets"]).iter().map(|id| *id as i32).collect();
    let (n, device) = (targets.len(), Device::flex());
    let matrix = |value: &serde_json::Value, rows: usize| {
        let values = numbers(value);
        let shape = [rows, values.len() / rows];
        Tensor::<2>::from_data(TensorData::new(values, shape), &device)
    };
    let cases = reference["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 6);
    for case in cases {
        let number = |name: &str| case[name].as_f64().unwrap();
        let count = case["teachers"].as_u64().unwrap() as usize;
        let teachers = reference["teachers"].as_array().unwrap()[..count].iter();
        let teachers = teachers.map(|pair| [matrix(&pair[0], n), matrix(&pair[1], 11)]);
        let (weight, temperature) = (number("weight"), number("temperature"));
        let lesson = Lesson { teachers: teachers.collect(), weight, temperature };
        let inputs = || {
            let leaf = |name: &str, rows| {
                Tensor::from_inner(matrix(&reference[name], rows)).require_grad()
            };
            let targets = Tensor::<1, Int>::from_data(targets.as_slice(), &device);
            (leaf("hidden", n), leaf("head", 11), Tensor::from_inner(targets))
        };
        let check = |loss: SmoothedLoss, hidden: &Tensor<2>, head: &Tensor<2>| {
            let gradients = loss.objective.clone().backward();
            let values = |tensor: Tensor<2>| tensor.into_data().try_into_vec::<f32>().unwrap();
            let ours = [hidden, head].map(|leaf| values(leaf.grad(&gradients).unwrap()));
            let wanted = ["d_hidden", "d_head"].map(|name| numbers(&case[name]));
            assert_equal(&ours, &wanted);
            let figures = [loss.objective, loss.nats].map(|figure| figure.into_scalar::<f32>());
            assert_equal(
                &[figures.to_vec()],
                &[vec![number("objective") as f32, number("nats") as f32]],
            );
        };
        let (hidden, head, targets) = inputs();
        let fused = distillation(hidden.clone(), head.clone(), targets, &lesson, Precision::F32);
        check(fused, &hidden, &head);
        for rows in [1, 3, 100] {
            let (hidden, head, targets) = inputs();
            let (states, table) = (hidden.clone(), head.clone());
            let loss = plain::chunked::lesson_in_chunks(
                states,
                table,
                targets,
                &lesson,
                rows,
                Precision::F32,
            );
            check(loss, &hidden, &head);
        }
    }
}

#[test]
fn gelu_and_its_gradient_equal_burns() {
    let device = Device::flex().autodiff();
    let x = Tensor::<1>::from_floats([-90.0, -12.0, -3.0, -0.7, 0.0, 0.1, 2.5, 30.0], &device);
    let x: Tensor<3> = x.reshape([1, 2, 4]).require_grad();
    let gradient = |y: Tensor<3>| x.grad(&y.sum().backward()).unwrap();
    let ours = plainly(|| tanh_gelu(x.clone()));
    let burns = activation::gelu_approximate(x.clone());
    assert!(ours.clone().all_close(burns.clone(), Some(1e-5), Some(1e-6)));
    assert!(gradient(ours).all_close(gradient(burns), Some(1e-4), Some(1e-5)));
}

/// The CPU backend has one generator for all threads, and tests run on several.
pub(crate) static GENERATOR: Mutex<()> = Mutex::new(());

/// The losses of some steps on one batch, dropout at `rate`.
fn losses(steps: usize, rate: f64, precision: Precision) -> Vec<f32> {
    let _alone = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    let device = Device::flex().autodiff();
    let config = GptConfig::new(211, 24, 2, 3, 33).with_dropout(rate);
    let mut model = Gpt::init(&config, 4, &device).unwrap().with_precision(precision);
    let mut optimizer = AdamWConfig::new().init();
    let row = |seed| {
        Tensor::<2, Int>::from_data(TensorData::new(ids(5 * 23, 211, seed), [5, 23]), &device)
    };
    let step = |step: usize| {
        device.seed(step as u64);
        let loss = model.loss_sum(row(1), row(2)) / (5.0 * 23.0);
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimizer.step(3e-4, model.clone(), gradients);
        loss.into_scalar::<f32>()
    };
    (0..steps).map(step).collect()
}

#[test]
fn a_hundred_steps_lose_as_the_plain_ones_do() {
    let fused = losses(100, 0.0, Precision::F32);
    let plain = plainly(|| losses(100, 0.0, Precision::F32));
    assert!(plain[99] < 0.95 * plain[0], "{} to {}: nothing was learnt", plain[0], plain[99]);
    for (step, (fused, plain)) in fused.iter().zip(&plain).enumerate() {
        let difference = (fused / plain - 1.0).abs();
        assert!(difference < 1e-4, "step {step}: {fused} is not {plain}");
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    for precision in [Precision::F32, Precision::Bf16] {
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| losses(10, 0.1, precision))
        };
        let one = with(1);
        assert_eq!(one, with(2));
        assert_ne!(one, losses(10, 0.0, precision), "nothing was dropped");
    }
}

/// On the CPU, whose backend has 16-bit floats, but behind the kernels.
#[test]
fn f16_learns_as_f32_does_by_plain_operations() {
    let [exact, rounded] =
        [Precision::F32, Precision::F16].map(|it| plainly(|| losses(100, 0.0, it)));
    assert_ne!(exact, rounded, "nothing was rounded");
    for (step, (exact, rounded)) in exact.iter().zip(&rounded).enumerate() {
        let difference = (rounded / exact - 1.0).abs();
        assert!(difference < 5e-3, "step {step}: {rounded} is not {exact}");
    }
    assert!(!Precision::F16.is_native(&Device::flex()), "the kernels have no such numbers");
    assert!(plainly(|| Precision::F16.needs_loss_scale(&Device::flex())));
}

#[test]
fn bf16_learns_as_f32_does() {
    let [exact, rounded] = [Precision::F32, Precision::Bf16].map(|it| losses(100, 0.0, it));
    let native = Precision::Bf16.is_native(&Device::flex());
    assert_eq!(exact != rounded, native, "rounded where there are instructions, and only there");
    for (step, (exact, rounded)) in exact.iter().zip(&rounded).enumerate() {
        let difference = (rounded / exact - 1.0).abs();
        assert!(difference < 5e-3, "step {step}: {rounded} is not {exact}");
    }
}

#[test]
fn dropout_follows_from_the_devices_seed() {
    let _alone = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    let run = |seed| {
        let device = Device::flex().autodiff();
        let model = Gpt::init(&GptConfig::tiny(50).with_dropout(0.2), 0, &device).unwrap();
        let tokens = Tensor::<2, Int>::from_data(TensorData::new(ids(32, 50, 3), [1, 32]), &device);
        device.seed(seed);
        let losses = [0, 1].map(|_| model.loss_sum(tokens.clone(), tokens.clone()));
        losses.map(|loss| loss.into_scalar::<f32>())
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
    assert_ne!(run(7)[0], run(7)[1], "two passes drop the same elements");
}
