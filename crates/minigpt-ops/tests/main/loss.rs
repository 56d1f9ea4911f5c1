//! The head with its cross-entropy.

use minigpt_ops::*;
use proptest::prelude::*;

use crate::naive;
use crate::support::{assert_close, fresh, on_one_thread_and_two, values, wide};

fn check_cross_entropy(n: usize, d: usize, v: usize, smoothing: f32, seed: u64) {
    let (hidden, head) = (values(seed, n * d), values(seed + 1, v * d));
    let targets: Vec<i32> = values(seed + 2, n)
        .iter()
        .map(|x| if *x > 0.7 { -100 } else { (x.abs() * 1e6) as i32 % v as i32 })
        .collect();
    let outputs = on_one_thread_and_two(|| {
        let (mut d_hidden, mut d_head) = (fresh(n * d), fresh(v * d));
        let alone = linear_cross_entropy(Precision::F32, &hidden, &head, &targets, smoothing);
        let loss = linear_cross_entropy_with_gradients(
            Precision::F32,
            &hidden,
            &head,
            &targets,
            smoothing,
            &mut d_hidden,
            &mut d_head,
        );
        let losses = [alone.objective, alone.nats, loss.objective, loss.nats].map(|x| x as f32);
        vec![losses.to_vec(), d_hidden, d_head]
    });
    let (hidden, head) = (wide(&hidden), wide(&head));
    let f = |hidden: &[f64], head: &[f64]| {
        naive::cross_entropy(hidden, head, &targets, f64::from(smoothing))
    };
    let (objective, nats) = f(&hidden, &head);
    assert_close(&outputs[0], &[objective, nats, objective, nats], 1e-5);
    assert_close(&outputs[1], &naive::gradient(&hidden, |x| f(x, &head).0), 1e-5);
    assert_close(&outputs[2], &naive::gradient(&head, |x| f(&hidden, x).0), 1e-5);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn cross_entropies(
        n in 1..20usize,
        d in 1..10usize,
        v in 1..50usize,
        smoothing in prop::sample::select(vec![0.0f32, 0.1]),
        seed: u32,
    ) {
        check_cross_entropy(n, d, v, smoothing, u64::from(seed));
    }
}

fn check_distillation([n, d, v]: [usize; 3], widths: &[usize], [weight, temperature]: [f32; 2]) {
    let (hidden, head) = (values(1, n * d), values(2, v * d));
    let targets: Vec<i32> =
        (0..n as i32).map(|at| if at % 3 == 2 { -100 } else { at * 7 % v as i32 }).collect();
    let taught: Vec<[Vec<f32>; 2]> = widths
        .iter()
        .zip(10..)
        .map(|(width, seed)| [values(seed, n * width), values(seed + 90, v * width)])
        .collect();
    let teachers: Vec<Teacher> =
        taught.iter().map(|[hidden, head]| Teacher { hidden, head }).collect();
    let lesson = Lesson { teachers: &teachers, weight, temperature };
    let outputs = on_one_thread_and_two(|| {
        let (mut d_hidden, mut d_head) = (fresh(n * d), fresh(v * d));
        let alone = distillation(Precision::F32, &hidden, &head, &targets, lesson, None);
        let gradients = Some([&mut d_hidden[..], &mut d_head[..]]);
        let loss = distillation(Precision::F32, &hidden, &head, &targets, lesson, gradients);
        let losses = [alone.objective, alone.nats, loss.objective, loss.nats].map(|x| x as f32);
        vec![losses.to_vec(), d_hidden, d_head]
    });
    let taught: Vec<[Vec<f64>; 2]> =
        taught.iter().map(|of_teacher| of_teacher.each_ref().map(|values| wide(values))).collect();
    let setting = [weight, temperature].map(f64::from);
    let (hidden, head) = (wide(&hidden), wide(&head));
    let f = |hidden: &[f64], head: &[f64]| {
        naive::distillation(hidden, head, &targets, &taught, setting)
    };
    let (objective, nats) = f(&hidden, &head);
    assert_close(&outputs[0], &[objective, nats, objective, nats], 1e-5);
    assert_close(&outputs[1], &naive::gradient(&hidden, |x| f(x, &head).0), 1e-5);
    assert_close(&outputs[2], &naive::gradient(&head, |x| f(&hidden, x).0), 1e-5);
}

#[test]
fn distillations() {
    check_distillation([7, 5, 40], &[3], [0.5, 1.0]);
    check_distillation([9, 3, 33], &[3, 6], [0.9, 2.0]);
    check_distillation([1, 1, 2], &[1, 1, 2], [1.0, 0.5]);
}

/// Without a share of teachers it is the other kernel's loss; as many ids and tokens as need several parts.
#[test]
fn teachers_that_do_not_count_change_nothing() {
    let (n, d, v) = (400, 3, 20_000);
    let (hidden, head) = (values(1, n * d), values(2, v * d));
    let targets: Vec<i32> = (0..n as i32).map(|at| at * 41 % v as i32).collect();
    let teachers = [Teacher { hidden: &hidden, head: &head }];
    let lesson = Lesson { teachers: &teachers, weight: 0.0, temperature: 2.0 };
    let (mut d_hidden, mut d_head) = (fresh(n * d), fresh(v * d));
    let gradients = Some([&mut d_hidden[..], &mut d_head[..]]);
    let taught = distillation(Precision::F32, &hidden, &head, &targets, lesson, gradients);
    let (mut expected_hidden, mut expected_head) = (fresh(n * d), fresh(v * d));
    let plain = linear_cross_entropy_with_gradients(
        Precision::F32,
        &hidden,
        &head,
        &targets,
        0.0,
        &mut expected_hidden,
        &mut expected_head,
    );
    let close = |a: f64, b: f64| (a - b).abs() < 1e-5 * b.abs();
    assert!(close(taught.objective, plain.objective) && close(taught.nats, plain.nats));
    assert_close(&d_hidden, &wide(&expected_hidden), 1e-5);
    assert_close(&d_head, &wide(&expected_head), 1e-5);
}

/// As many tokens and ids as need several chunks and tiles, against one token at a time.
#[test]
fn a_loss_over_several_chunks_of_tokens_is_the_sum_of_their_losses() {
    let (n, d, v) = (2100, 4, 300);
    let (hidden, head) = (values(1, n * d), values(2, v * d));
    let targets: Vec<i32> =
        (0..n as i32).map(|i| if i % 7 == 0 { -1 } else { i * 37 % v as i32 }).collect();
    let outputs = on_one_thread_and_two(|| {
        let (mut d_hidden, mut d_head) = (fresh(n * d), fresh(v * d));
        let loss = linear_cross_entropy_with_gradients(
            Precision::F32,
            &hidden,
            &head,
            &targets,
            0.1,
            &mut d_hidden,
            &mut d_head,
        );
        let alone = linear_cross_entropy(Precision::F32, &hidden, &head, &targets, 0.1);
        let losses = [loss.objective, alone.objective].map(|x| x as f32);
        vec![losses.to_vec(), d_hidden, d_head]
    });
    let (mut objective, mut d_head_sum) = (0.0, vec![0.0f64; v * d]);
    for (i, target) in targets.iter().enumerate() {
        let row = i * d..(i + 1) * d;
        let (mut d_row, mut d_head) = (fresh(d), fresh(v * d));
        let one = linear_cross_entropy_with_gradients(
            Precision::F32,
            &hidden[row.clone()],
            &head,
            &[*target],
            0.1,
            &mut d_row,
            &mut d_head,
        );
        objective += one.objective;
        d_head_sum.iter_mut().zip(&d_head).for_each(|(sum, &x)| *sum += f64::from(x));
        assert_close(&outputs[1][row], &wide(&d_row), 1e-5);
    }
    assert_close(&outputs[0], &[objective, objective], 1e-6);
    assert_close(&outputs[2], &d_head_sum, 1e-5);
}

/// The logits' gradients are rounded too, so that only the size of the error can be checked.
#[test]
fn a_loss_in_bf16_is_that_in_f32_to_its_rounding() {
    let (n, d, v) = (300, 64, 1000);
    let (hidden, head) = (values(1, n * d), values(2, v * d));
    let targets: Vec<i32> = (0..n as i32).map(|i| i * 37 % v as i32).collect();
    let in_precision = |precision| {
        on_one_thread_and_two(|| {
            let (mut d_hidden, mut d_head) = (fresh(n * d), fresh(v * d));
            let loss = linear_cross_entropy_with_gradients(
                precision,
                &hidden,
                &head,
                &targets,
                0.1,
                &mut d_hidden,
                &mut d_head,
            );
            let alone = linear_cross_entropy(precision, &hidden, &head, &targets, 0.1);
            assert_eq!(loss, alone);
            vec![vec![(loss.nats / n as f64) as f32], d_hidden, d_head]
        })
    };
    let exact = in_precision(Precision::F32);
    for (bf16, f32) in in_precision(Precision::Bf16).iter().zip(&exact) {
        let distance = |a: &[f32], b: &[f64]| {
            a.iter().zip(b).map(|(&a, b)| (f64::from(a) - b).powi(2)).sum::<f64>().sqrt()
        };
        let relative = distance(bf16, &wide(f32)) / distance(f32, &vec![0.0; f32.len()]);
        assert!(relative < 0.01, "{relative}");
        assert!(!Precision::Bf16.is_native() || relative > 0.0, "nothing was rounded");
    }
}

/// Logits that rise from id to id by 200, far more than exponentials in `f32` can differ by, over several tiles.
#[test]
fn a_loss_of_logits_that_rise_far_is_exact() {
    let (n, v) = (2060, 9000);
    let hidden: Vec<f32> = (0..n).map(|i| if i % 2 == 0 { 1.0 } else { -0.5 }).collect();
    // Each a bfloat16, so that only exponentials are rounded there.
    let head = |id: usize| id as f32 * (200.0 / v as f32) - 100.0;
    let head: Vec<f32> = (0..v).map(|id| f32::from_bits(head(id).to_bits() & !0xffff)).collect();
    let targets: Vec<i32> = (0..n).map(|i| (i * 37 % v) as i32).collect();
    let (mut nats, mut d_hidden, mut d_head) = (0.0, vec![0.0; n], vec![0.0; v]);
    for (token, (&hidden, &target)) in hidden.iter().zip(&targets).enumerate() {
        let logits: Vec<f64> = head.iter().map(|&x| f64::from(x) * f64::from(hidden)).collect();
        let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logits.iter().map(|logit| (logit - largest).exp()).sum();
        nats += largest + sum.ln() - logits[target as usize];
        for (id, logit) in logits.iter().enumerate() {
            let one = if id == target as usize { 1.0 } else { 0.0 };
            let d_logit = (logit - largest).exp() / sum - one;
            d_hidden[token] += d_logit * f64::from(head[id]);
            d_head[id] += d_logit * f64::from(hidden);
        }
    }
    for (precision, tolerance) in [(Precision::F32, 1e-4), (Precision::Bf16, 0.02)] {
        let outputs = on_one_thread_and_two(|| {
            let (mut d_hidden, mut d_head) = (fresh(n), fresh(v));
            let loss = linear_cross_entropy_with_gradients(
                precision,
                &hidden,
                &head,
                &targets,
                0.0,
                &mut d_hidden,
                &mut d_head,
            );
            vec![vec![(loss.nats / n as f64) as f32], d_hidden, d_head]
        });
        assert_close(&outputs[0], &[nats / n as f64], tolerance);
        assert_close(&outputs[1], &d_hidden, tolerance);
        assert_close(&outputs[2], &d_head, tolerance);
    }
}

#[test]
fn a_logit_that_is_not_finite_shows_in_the_loss() {
    for bad in [f32::NAN, f32::INFINITY] {
        let head = [1.0, bad, 2.0];
        assert!(linear_cross_entropy(Precision::F32, &[1.0], &head, &[0], 0.0).nats.is_nan());
    }
}
