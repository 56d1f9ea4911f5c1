//! Every operation against a formula in double precision, its gradients against differences of that
//! formula, and both on one thread and on two, over random and odd shapes.

mod naive;

use std::cell::RefCell;

use minigpt_ops::*;
use proptest::prelude::*;

/// Pseudo-random values in ±1, a function of the seed and the index.
fn values(seed: u64, length: usize) -> Vec<f32> {
    let state = RefCell::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let next = || {
        let mut x = state.borrow_mut();
        *x ^= *x << 13;
        *x ^= *x >> 7;
        *x ^= *x << 17;
        (*x >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..16 + length).map(|_| next()).skip(16).collect()
}

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

fn inner(a: &[f64], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, &b)| a * f64::from(b)).sum()
}

#[track_caller]
fn assert_close(ours: &[f32], exact: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), exact.len());
    let largest = exact.iter().fold(1.0f64, |largest, x| largest.max(x.abs()));
    for (i, (&ours, &exact)) in ours.iter().zip(exact).enumerate() {
        let difference = (f64::from(ours) - exact).abs();
        assert!(difference <= tolerance * largest, "element {i}: {ours}, not {exact}");
    }
}

/// The outputs of `f` on one thread, after asserting that two give the same bits.
fn on_one_thread_and_two(f: impl Fn() -> Vec<Vec<f32>> + Sync) -> Vec<Vec<f32>> {
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("a pool of threads");
        pool.install(&f)
    };
    let (one, two) = (on(1), on(2));
    let bits = |outputs: &[Vec<f32>]| {
        outputs.iter().map(|x| x.iter().map(|x| x.to_bits()).collect()).collect::<Vec<Vec<u32>>>()
    };
    assert!(bits(&one) == bits(&two), "two threads give other bits than one");
    one
}

/// What outputs hold before: a value that shows if it is used.
fn fresh(length: usize) -> Vec<f32> {
    vec![f32::NAN; length]
}

/// To the nearest bfloat16, ties to even.
fn rounded(x: f32) -> f32 {
    let bits = x.to_bits();
    f32::from_bits((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff_0000)
}

/// What a product in this precision reads of a matrix.
fn operand(precision: Precision, x: &[f32]) -> Vec<f64> {
    let is_rounded = precision == Precision::Bf16 && precision.is_native();
    x.iter().map(|&x| f64::from(if is_rounded { rounded(x) } else { x })).collect()
}

fn check_linear(precision: Precision, n: usize, k: usize, m: usize, seed: u64) {
    let (x, w, b, dy) = (
        values(seed, n * k),
        values(seed + 1, k * m),
        values(seed + 2, m),
        values(seed + 3, n * m),
    );
    let outputs = on_one_thread_and_two(|| {
        let (mut y, mut z) = (fresh(n * m), fresh(n * m));
        linear(precision, &x, &w, &b, &mut y);
        project(precision, n, &x, &w, &mut z);
        let (mut dx, mut dw, mut db) = (fresh(n * k), fresh(k * m), fresh(m));
        linear_backward(precision, &x, &w, &dy, &mut dx, &mut dw, &mut db);
        vec![y, z, dx, dw, db]
    });
    let db: Vec<f64> = (0..m).map(|j| wide(&dy).iter().skip(j).step_by(m).sum()).collect();
    let [x, w, dy] = [&x, &w, &dy].map(|x| operand(precision, x));
    let z = naive::product(&x, &w, n, m);
    let y: Vec<f64> = z.iter().enumerate().map(|(i, z)| z + f64::from(b[i % m])).collect();
    assert_close(&outputs[0], &y, 1e-5);
    assert_close(&outputs[1], &z, 1e-5);
    assert_close(&outputs[2], &naive::product(&dy, &naive::transposed(&w, k), n, k), 1e-5);
    assert_close(&outputs[3], &naive::product(&naive::transposed(&x, n), &dy, k, m), 1e-5);
    assert_close(&outputs[4], &db, 1e-5);
}

fn check_layer_norm(n: usize, d: usize, seed: u64) {
    const EPSILON: f32 = 1e-5;
    let (x, w, b, dy) =
        (values(seed, n * d), values(seed + 1, d), values(seed + 2, d), values(seed + 3, n * d));
    let outputs = on_one_thread_and_two(|| {
        let (mut y, mut statistics) = (fresh(n * d), vec![RowStatistics::default(); n]);
        layer_norm(&x, &w, &b, EPSILON, &mut y, &mut statistics);
        let (mut dx, mut dw, mut db) = (fresh(n * d), fresh(d), fresh(d));
        layer_norm_backward(&x, &w, &statistics, &dy, &mut dx, &mut dw, &mut db);
        vec![y, dx, dw, db]
    });
    let (x, w, b) = (wide(&x), wide(&w), wide(&b));
    let f = |x: &[f64], w: &[f64], b: &[f64]| naive::layer_norm(x, w, b, f64::from(EPSILON));
    assert_close(&outputs[0], &f(&x, &w, &b), 1e-4);
    assert_close(&outputs[1], &naive::gradient(&x, |x| inner(&f(x, &w, &b), &dy)), 1e-4);
    assert_close(&outputs[2], &naive::gradient(&w, |w| inner(&f(&x, w, &b), &dy)), 1e-4);
    assert_close(&outputs[3], &naive::gradient(&b, |b| inner(&f(&x, &w, b), &dy)), 1e-4);
}

fn check_rms_norm(n: usize, d: usize, seed: u64) {
    const EPSILON: f32 = 1e-5;
    let (x, w, dy) = (values(seed, n * d), values(seed + 1, d), values(seed + 2, n * d));
    let outputs = on_one_thread_and_two(|| {
        let (mut y, mut reciprocals) = (fresh(n * d), fresh(n));
        rms_norm(&x, &w, EPSILON, &mut y, &mut reciprocals);
        let (mut dx, mut dw) = (fresh(n * d), fresh(d));
        rms_norm_backward(&x, &w, &reciprocals, &dy, &mut dx, &mut dw);
        vec![y, dx, dw]
    });
    let (x, w) = (wide(&x), wide(&w));
    let f = |x: &[f64], w: &[f64]| naive::rms_norm(x, w, f64::from(EPSILON));
    assert_close(&outputs[0], &f(&x, &w), 1e-4);
    assert_close(&outputs[1], &naive::gradient(&x, |x| inner(&f(x, &w), &dy)), 1e-4);
    assert_close(&outputs[2], &naive::gradient(&w, |w| inner(&f(&x, w), &dy)), 1e-4);
}

fn check_swiglu(n: usize, m: usize, seed: u64) {
    let x: Vec<f32> = values(seed, n * 2 * m).iter().map(|x| 4.0 * x).collect();
    let dy = values(seed + 1, n * m);
    let outputs = on_one_thread_and_two(|| {
        let (mut y, mut dx) = (fresh(n * m), fresh(n * 2 * m));
        swiglu(m, &x, &mut y);
        swiglu_backward(m, &x, &dy, &mut dx);
        vec![y, dx]
    });
    let x = wide(&x);
    let f = |x: &[f64]| naive::swiglu(x, m);
    assert_close(&outputs[0], &f(&x), 1e-5);
    assert_close(&outputs[1], &naive::gradient(&x, |x| inner(&f(x), &dy)), 1e-5);
}

fn check_gelu(n: usize, m: usize, seed: u64) {
    let x: Vec<f32> = values(seed, n * m).iter().map(|x| 4.0 * x).collect();
    let (b, dy) = (values(seed + 1, m), values(seed + 2, n * m));
    let outputs = on_one_thread_and_two(|| {
        let (mut y, mut dx, mut db) = (fresh(n * m), fresh(n * m), fresh(m));
        bias_gelu(&x, &b, &mut y);
        bias_gelu_backward(&x, &b, &dy, &mut dx, &mut db);
        let shifted: Vec<f32> = x.iter().enumerate().map(|(i, x)| x + b[i % m]).collect();
        let (mut alone, mut dx_alone) = (fresh(n * m), fresh(n * m));
        gelu(&shifted, &mut alone);
        gelu_backward(&shifted, &dy, &mut dx_alone);
        assert_eq!((&alone, &dx_alone), (&y, &dx));
        vec![y, dx, db]
    });
    let f = |x: &[f64], b: &[f64]| {
        x.iter().enumerate().map(|(i, x)| naive::gelu(x + b[i % m])).collect::<Vec<_>>()
    };
    let (x, b) = (wide(&x), wide(&b));
    assert_close(&outputs[0], &f(&x, &b), 1e-6);
    assert_close(&outputs[1], &naive::gradient(&x, |x| inner(&f(x, &b), &dy)), 1e-5);
    assert_close(&outputs[2], &naive::gradient(&b, |b| inner(&f(&x, b), &dy)), 1e-5);
}

fn check_residual(n: usize, d: usize, rate: f32, seed: u64) {
    let (x, a) = (values(seed, n * d), values(seed + 1, n * d));
    let mask = Dropout::new(rate, seed).place(1);
    let outputs = on_one_thread_and_two(|| {
        let (mut y, mut alone) = (fresh(n * d), fresh(n * d));
        residual_dropout(&x, &a, mask, &mut y);
        dropout(&x, mask, &mut alone);
        vec![y, alone]
    });
    let kept = |i: usize| f64::from(mask.multiplier(i as u32));
    let dropped = |x: &[f32]| -> Vec<f64> {
        x.iter().enumerate().map(|(i, &x)| f64::from(x) * kept(i)).collect()
    };
    let y: Vec<f64> = dropped(&a).iter().zip(&x).map(|(a, &x)| a + f64::from(x)).collect();
    assert_close(&outputs[0], &y, 1e-5);
    assert_close(&outputs[1], &dropped(&x), 1e-6);
}

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

fn check_attention(shape: AttentionShape, rate: f32, seed: u64) {
    let AttentionShape { batch, time, n_head, head_size } = shape;
    let n = batch * time * n_head * head_size;
    let qkv: Vec<f32> = values(seed, 3 * n).iter().map(|x| 2.0 * x).collect();
    let d_out = values(seed + 1, n);
    let mask = Dropout::new(rate, seed);
    let outputs = on_one_thread_and_two(|| {
        let (mut out, mut log_sums) = (fresh(n), fresh(batch * n_head * time));
        causal_attention(shape, &qkv, mask, &mut out, &mut log_sums);
        let mut d_qkv = fresh(3 * n);
        causal_attention_backward(shape, &qkv, &out, &log_sums, &d_out, mask, &mut d_qkv);
        vec![out, d_qkv]
    });
    let multiplier = |head: usize, query: usize, key: usize| {
        f64::from(mask.place(head as u64).place(query as u64).multiplier(key as u32))
    };
    let f = |qkv: &[f64]| naive::attention([batch, time, n_head, head_size], qkv, multiplier);
    let qkv = wide(&qkv);
    assert_close(&outputs[0], &f(&qkv), 1e-5);
    if n <= 1000 {
        assert_close(&outputs[1], &naive::gradient(&qkv, |qkv| inner(&f(qkv), &d_out)), 2e-5);
        return;
    }
    // A directional derivative, where one for each element would take too long.
    let direction = wide(&values(seed + 2, 3 * n));
    let moved = |by: f64| {
        let qkv: Vec<f64> = qkv.iter().zip(&direction).map(|(x, d)| x + by * d).collect();
        inner(&f(&qkv), &d_out)
    };
    let exact = (moved(1e-5) - moved(-1e-5)) / 2e-5;
    assert_close(&[inner(&direction, &outputs[1]) as f32], &[exact], 1e-4);
}

fn check_embedding(n: usize, d: usize, v: usize, seed: u64) {
    let dy = values(seed, n * d);
    let ids: Vec<i32> =
        values(seed + 1, n).iter().map(|x| (x.abs() * 1e6) as i32 % v as i32).collect();
    let before = values(seed + 2, v * d);
    let outputs = on_one_thread_and_two(|| {
        let mut d_table = before.clone();
        embedding_backward(&ids, &dy, &mut d_table);
        vec![d_table]
    });
    let mut exact = wide(&before);
    for (&id, dy) in ids.iter().zip(dy.chunks(d)) {
        let row = &mut exact[id as usize * d..][..d];
        row.iter_mut().zip(dy).for_each(|(sum, &dy)| *sum += f64::from(dy));
    }
    assert_close(&outputs[0], &exact, 1e-5);
}

fn check_adamw(n: usize, seed: u64) {
    let (start, gradients) = (values(seed, n), [values(seed + 1, n), values(seed + 2, n)]);
    let adamw = |step| AdamW {
        learning_rate: 3e-2,
        beta_1: 0.9,
        beta_2: 0.95,
        epsilon: 1e-5,
        weight_decay: 0.1,
        step,
    };
    let outputs = on_one_thread_and_two(|| {
        let (mut p, mut m, mut v) = (start.clone(), vec![0.0; n], vec![0.0; n]);
        for (step, gradient) in (1..).zip(&gradients) {
            adamw(step).update(&mut p, gradient, &mut m, &mut v);
        }
        vec![p, vec![sum_of_squares(&start) as f32]]
    });
    let exact = |i: usize| {
        let (mut p, mut m, mut v) = (f64::from(start[i]), 0.0, 0.0);
        for (step, gradient) in (1..).zip(&gradients) {
            let g = f64::from(gradient[i]);
            (m, v) = (0.9 * m + 0.1 * g, 0.95 * v + 0.05 * g * g);
            let (m_hat, v_hat) = (m / (1.0 - 0.9f64.powi(step)), v / (1.0 - 0.95f64.powi(step)));
            p = p - 3e-2 * 0.1 * p - 3e-2 * m_hat / (v_hat.sqrt() + 1e-5);
        }
        p
    };
    assert_close(&outputs[0], &(0..n).map(exact).collect::<Vec<_>>(), 1e-5);
    let mut scaled = start.clone();
    scale(&mut scaled, -1.5);
    assert_close(&scaled, &start.iter().map(|&x| -1.5 * f64::from(x)).collect::<Vec<_>>(), 1e-7);
    let squares = start.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>();
    assert_close(&outputs[1], &[squares], 1e-6);
}

fn check_decoding(n: usize, k: usize, m: usize, seed: u64) {
    let (x, w, b) = (values(seed, n * k), values(seed + 1, k * m), values(seed + 2, m));
    let outputs = on_one_thread_and_two(|| {
        let (mut y, mut z) = (fresh(n * m), fresh(n * m));
        linear_vectors(&x, &w, &b, &mut y);
        head_vectors(&x, &w, k, &mut z);
        let (mut shifted, mut plain) = (fresh(n * m), fresh(n * m));
        linear_vectors(&x, &w, &vec![0.0; m], &mut shifted);
        project_vectors(n, &x, &w, &mut plain);
        assert_eq!(shifted, plain);
        vec![y, z]
    });
    // A text's numbers are those it would have alone.
    for (text, x) in x.chunks_exact(k).enumerate() {
        let (mut y, mut z) = (fresh(m), fresh(m));
        linear_vectors(x, &w, &b, &mut y);
        head_vectors(x, &w, k, &mut z);
        assert_eq!([&outputs[0][text * m..][..m], &outputs[1][text * m..][..m]], [&y, &z]);
    }
    let (x, w) = (wide(&x), wide(&w));
    let y: Vec<f64> = naive::product(&x, &w, n, m)
        .iter()
        .zip(b.iter().cycle())
        .map(|(y, &b)| y + f64::from(b))
        .collect();
    assert_close(&outputs[0], &y, 1e-5);
    assert_close(&outputs[1], &naive::product(&x, &naive::transposed(&w, m), n, m), 1e-5);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn linear_layers(
        precision in prop::sample::select(vec![Precision::F32, Precision::Bf16]),
        n in 1..70usize,
        k in 1..40usize,
        m in 1..40usize,
        seed: u32,
    ) {
        check_linear(precision, n, k, m, u64::from(seed));
    }

    #[test]
    fn layer_norms(n in 1..70usize, d in 1..40usize, seed: u32) {
        check_layer_norm(n, d, u64::from(seed));
        check_rms_norm(n, d, u64::from(seed));
    }

    #[test]
    fn gelus(n in 1..70usize, m in 1..40usize, seed: u32) {
        check_gelu(n, m, u64::from(seed));
        check_swiglu(n, m, u64::from(seed));
    }

    #[test]
    fn residuals(n in 1..70usize, d in 1..40usize, rate in 0.0..0.9f32, seed: u32) {
        check_residual(n, d, rate, u64::from(seed));
    }

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

    #[test]
    fn attentions(
        batch in 1..4usize,
        time in 1..12usize,
        n_head in 1..4usize,
        head_size in 1..12usize,
        rate in prop::sample::select(vec![0.0f32, 0.3]),
        seed: u32,
    ) {
        check_attention(AttentionShape { batch, time, n_head, head_size }, rate, u64::from(seed));
    }

    #[test]
    fn embeddings(n in 0..300usize, d in 1..20usize, v in 1..300usize, seed: u32) {
        check_embedding(n, d, v, u64::from(seed));
    }

    #[test]
    fn optimiser_steps(n in 0..40_000usize, seed: u32) {
        check_adamw(n, u64::from(seed));
    }

    #[test]
    fn decoding(n in 1..9usize, k in 1..100usize, m in 1..600usize, seed: u32) {
        check_decoding(n, k, m, u64::from(seed));
    }
}

#[test]
fn sizes_that_need_several_blocks_and_threads() {
    check_linear(Precision::F32, 300, 96, 130, 1);
    check_linear(Precision::Bf16, 300, 600, 130, 1);
    check_embedding(500, 40, 3000, 4);
    check_decoding(3, 300, 1000, 5);
    check_attention(AttentionShape { batch: 2, time: 200, n_head: 2, head_size: 20 }, 0.1, 2);
    check_attention(AttentionShape { batch: 1, time: 128, n_head: 2, head_size: 32 }, 0.0, 3);
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

#[test]
fn a_logit_that_is_not_finite_shows_in_the_loss() {
    for bad in [f32::NAN, f32::INFINITY] {
        let head = [1.0, bad, 2.0];
        assert!(linear_cross_entropy(Precision::F32, &[1.0], &head, &[0], 0.0).nats.is_nan());
    }
}
