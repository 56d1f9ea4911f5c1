//! Each operation at the sizes of the reference model (4 layers, 256 wide, 8 heads, 1024 hidden,
//! context 128, batch 16), beside the plain passes that it replaces.
//!
//! `cargo bench -p minigpt-ops`, or `cargo bench -p minigpt-ops -- attention`. Items are floating-point
//! operations.

mod plain;
mod values;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use minigpt_ops::*;
use values::values;

/// Tokens of a batch.
const N: usize = 16 * 128;
/// `n_embd`.
const D: usize = 256;
/// `n_inner`.
const INNER: usize = 1024;
const SHAPE: AttentionShape = AttentionShape { batch: 16, time: 128, n_head: 8, head_size: 32 };
const VOCABULARIES: [usize; 2] = [4096, 50257];

const F32: bool = false;
const BF16: bool = true;

fn main() {
    divan::main();
}

fn precision(is_bf16: bool) -> Precision {
    if is_bf16 { Precision::Bf16 } else { Precision::F32 }
}

fn zeros(length: usize) -> Vec<f32> {
    vec![0.0; length]
}

fn flops(count: usize) -> ItemsCount {
    ItemsCount::new(count)
}

/// Bytes of so many `f32`.
fn floats(count: usize) -> BytesCount {
    BytesCount::new(4 * count)
}

#[divan::bench_group(sample_count = 8, max_time = 20)]
mod linear_cross_entropy {
    use super::*;

    type Step = fn(Precision, &[f32], &[f32], &[i32], f32, &mut [f32], &mut [f32]) -> CrossEntropy;

    fn run(bencher: Bencher, precision: Precision, vocab_size: usize, step: Step) {
        let (hidden, head) = (values(N * D, 1.0), values(vocab_size * D, 0.04));
        let targets: Vec<i32> = (0..N).map(|i| (i * 7919 % vocab_size) as i32).collect();
        let (mut d_hidden, mut d_head) = (zeros(N * D), zeros(vocab_size * D));
        bencher.counter(flops(6 * N * D * vocab_size)).bench_local(|| {
            step(precision, &hidden, &head, &targets, 0.0, &mut d_hidden, &mut d_head)
        });
    }

    #[divan::bench(args = VOCABULARIES)]
    fn fused(bencher: Bencher, vocab_size: usize) {
        run(bencher, Precision::F32, vocab_size, linear_cross_entropy_with_gradients);
    }

    #[divan::bench(args = VOCABULARIES)]
    fn fused_bf16(bencher: Bencher, vocab_size: usize) {
        run(bencher, Precision::Bf16, vocab_size, linear_cross_entropy_with_gradients);
    }

    #[divan::bench(args = VOCABULARIES)]
    fn plain(bencher: Bencher, vocab_size: usize) {
        let plain = |_, a: &[f32], b: &[f32], c: &[i32], d, e: &mut [f32], f: &mut [f32]| {
            plain::cross_entropy_with_gradients(a, b, c, d, e, f)
        };
        run(bencher, Precision::F32, vocab_size, plain);
    }
}

/// No plain version: these are the products that both share. Their rate is what the others can reach.
#[divan::bench_group(max_time = 2)]
mod linear_layers {
    use super::*;

    const SIZES: [(usize, usize); 4] = [(D, 3 * D), (D, D), (D, INNER), (INNER, D)];

    #[divan::bench(args = SIZES, consts = [F32, BF16])]
    fn forward<const IS_BF16: bool>(bencher: Bencher, (k, m): (usize, usize)) {
        let precision = precision(IS_BF16);
        let (x, weight, bias, mut y) =
            (values(N * k, 1.0), values(k * m, 0.02), values(m, 0.1), zeros(N * m));
        bencher.counter(flops(2 * N * k * m)).bench_local(|| {
            linear(precision, &x, &weight, &bias, &mut y);
        });
    }

    #[divan::bench(args = SIZES, consts = [F32, BF16])]
    fn backward<const IS_BF16: bool>(bencher: Bencher, (k, m): (usize, usize)) {
        let precision = precision(IS_BF16);
        let (x, weight, dy) = (values(N * k, 1.0), values(k * m, 0.02), values(N * m, 1.0));
        let (mut dx, mut d_weight, mut d_bias) = (zeros(N * k), zeros(k * m), zeros(m));
        bencher.counter(flops(4 * N * k * m)).bench_local(|| {
            linear_backward(precision, &x, &weight, &dy, &mut dx, &mut d_weight, &mut d_bias);
        });
    }
}

#[divan::bench_group(max_time = 2)]
mod attention {
    use super::*;

    /// Of the pairs that the causal mask leaves.
    const FORWARD: usize = 2 * N * D * SHAPE.time;

    #[divan::bench(consts = [F32, BF16])]
    fn fused<const IS_BF16: bool>(bencher: Bencher) {
        let precision = precision(IS_BF16);
        let qkv = values(3 * N * D, 1.0);
        let (mut out, mut log_sums) = (zeros(N * D), zeros(N * SHAPE.n_head));
        let mask = Dropout::new(0.1, 1);
        bencher.counter(flops(FORWARD)).bench_local(|| {
            causal_attention(precision, SHAPE, &qkv, mask, &mut out, &mut log_sums)
        });
    }

    #[divan::bench]
    fn plain(bencher: Bencher) {
        let qkv = values(3 * N * D, 1.0);
        let mask = plain::mask(N * SHAPE.n_head * SHAPE.time, 0.1);
        bencher.counter(flops(FORWARD)).bench_local(|| plain::attention(SHAPE, &qkv, &mask));
    }

    #[divan::bench(consts = [F32, BF16])]
    fn fused_backward<const IS_BF16: bool>(bencher: Bencher) {
        let precision = precision(IS_BF16);
        let (qkv, d_out) = (values(3 * N * D, 1.0), values(N * D, 1.0));
        let (mut out, mut log_sums) = (zeros(N * D), zeros(N * SHAPE.n_head));
        let mask = Dropout::new(0.1, 1);
        causal_attention(precision, SHAPE, &qkv, mask, &mut out, &mut log_sums);
        let mut d_qkv = zeros(3 * N * D);
        bencher.counter(flops(5 * FORWARD / 2)).bench_local(|| {
            causal_attention_backward(precision, SHAPE, &qkv, &log_sums, &d_out, mask, &mut d_qkv);
        });
    }

    #[divan::bench]
    fn plain_backward(bencher: Bencher) {
        let (qkv, d_out) = (values(3 * N * D, 1.0), values(N * D, 1.0));
        let mask = plain::mask(N * SHAPE.n_head * SHAPE.time, 0.1);
        let saved = plain::attention(SHAPE, &qkv, &mask);
        bencher
            .counter(flops(5 * FORWARD / 2))
            .bench_local(|| plain::attention_backward(SHAPE, &saved, &d_out, &mask));
    }
}

#[divan::bench_group(max_time = 2)]
mod norm {
    use super::*;

    #[divan::bench]
    fn fused(bencher: Bencher) {
        let (x, weight, bias, mut y) =
            (values(N * D, 1.0), values(D, 1.0), values(D, 1.0), zeros(N * D));
        let mut statistics = vec![RowStatistics::default(); N];
        bencher
            .counter(floats(2 * N * D))
            .bench_local(|| layer_norm(&x, &weight, &bias, 1e-5, &mut y, &mut statistics));
    }

    #[divan::bench]
    fn plain(bencher: Bencher) {
        let (x, weight, bias) = (values(N * D, 1.0), values(D, 1.0), values(D, 1.0));
        bencher
            .counter(floats(2 * N * D))
            .bench_local(|| plain::layer_norm(&x, &weight, &bias, 1e-5));
    }

    #[divan::bench]
    fn fused_backward(bencher: Bencher) {
        let (x, weight, bias) = (values(N * D, 1.0), values(D, 1.0), values(D, 1.0));
        let (mut y, mut statistics) = (zeros(N * D), vec![RowStatistics::default(); N]);
        layer_norm(&x, &weight, &bias, 1e-5, &mut y, &mut statistics);
        let (mut dx, mut d_weight, mut d_bias) = (zeros(N * D), zeros(D), zeros(D));
        bencher.counter(floats(3 * N * D)).bench_local(|| {
            layer_norm_backward(&x, &weight, &statistics, &y, &mut dx, &mut d_weight, &mut d_bias);
        });
    }
}

#[divan::bench_group(max_time = 2)]
mod gelu {
    use super::*;

    #[divan::bench]
    fn fused(bencher: Bencher) {
        let (x, bias, mut y) = (values(N * INNER, 4.0), values(INNER, 1.0), zeros(N * INNER));
        bencher.counter(floats(2 * N * INNER)).bench_local(|| bias_gelu(&x, &bias, &mut y));
    }

    #[divan::bench]
    fn plain(bencher: Bencher) {
        let (x, bias) = (values(N * INNER, 4.0), values(INNER, 1.0));
        bencher.counter(floats(2 * N * INNER)).bench_local(|| plain::bias_gelu(&x, &bias));
    }

    #[divan::bench]
    fn fused_backward(bencher: Bencher) {
        let (x, bias, dy) = (values(N * INNER, 4.0), values(INNER, 1.0), values(N * INNER, 1.0));
        let (mut dx, mut d_bias) = (zeros(N * INNER), zeros(INNER));
        bencher
            .counter(floats(3 * N * INNER))
            .bench_local(|| bias_gelu_backward(&x, &bias, &dy, &mut dx, &mut d_bias));
    }
}

#[divan::bench_group(max_time = 2)]
mod residual {
    use super::*;

    #[divan::bench]
    fn fused(bencher: Bencher) {
        let (x, a, mut y) = (values(N * D, 1.0), values(N * D, 1.0), zeros(N * D));
        let mask = Dropout::new(0.1, 1);
        bencher.counter(floats(3 * N * D)).bench_local(|| residual_dropout(&x, &a, mask, &mut y));
    }

    #[divan::bench]
    fn plain(bencher: Bencher) {
        let (x, a) = (values(N * D, 1.0), values(N * D, 1.0));
        let mask = plain::mask(N * D, 0.1);
        bencher.counter(floats(3 * N * D)).bench_local(|| plain::residual_dropout(&x, &a, &mask));
    }
}

#[divan::bench(args = VOCABULARIES, max_time = 2)]
fn embedding_gradient(bencher: Bencher, vocab_size: usize) {
    let ids: Vec<i32> = (0..N).map(|i| (i * 7919 % vocab_size) as i32).collect();
    let (dy, mut d_table) = (values(N * D, 1.0), zeros(vocab_size * D));
    bencher.counter(floats(3 * N * D)).bench_local(|| embedding_backward(&ids, &dy, &mut d_table));
}

#[divan::bench_group(max_time = 2)]
mod optimizer {
    use super::*;

    /// Parameters of the reference model with GPT-2's vocabulary.
    const PARAMETERS: usize = 16_057_600;
    const ADAMW: AdamW = AdamW {
        learning_rate: 1e-3,
        beta_1: 0.9,
        beta_2: 0.999,
        epsilon: 1e-8,
        weight_decay: 0.1,
        step: 10,
    };

    type Step = fn(AdamW, &mut [f32], &[f32], &mut [f32], &mut [f32]);

    fn run(bencher: Bencher, step: Step) {
        let (mut parameters, gradient) = (values(PARAMETERS, 0.02), values(PARAMETERS, 1e-3));
        let (mut m, mut v) = (zeros(PARAMETERS), zeros(PARAMETERS));
        bencher
            .counter(floats(7 * PARAMETERS))
            .bench_local(|| step(ADAMW, &mut parameters, &gradient, &mut m, &mut v));
    }

    #[divan::bench]
    fn fused(bencher: Bencher) {
        run(bencher, AdamW::update);
    }

    #[divan::bench]
    fn plain(bencher: Bencher) {
        run(bencher, plain::adamw);
    }

    /// Of the matrices 128, 256 and 768 wide of a block, the one of the most arithmetic.
    #[divan::bench(args = [128, 256, 768])]
    fn muon(bencher: Bencher, width: usize) {
        let (rows, columns) = (width, 4 * width);
        let n = rows * columns;
        let muon = Muon {
            learning_rate: 1e-3,
            decay: 1e-4,
            momentum: 0.95,
            epsilon: 1e-7,
            iterations: &Muon::ITERATIONS,
            has_closer_bound: true,
        };
        let (parameters, mut gradient) = (values(n, 0.02), values(n, 1e-3));
        let mut velocity = zeros(n);
        bencher.counter(flops(3 * 2 * width * width * (2 * columns + width))).bench_local(|| {
            in_pool(|| {
                muon.update(columns, &parameters, &mut gradient, &mut velocity);
            });
        });
    }

    #[divan::bench]
    fn norm(bencher: Bencher) {
        let gradient = values(PARAMETERS, 1e-3);
        bencher.counter(floats(PARAMETERS)).bench_local(|| sum_of_squares(&gradient));
    }
}

#[divan::bench_group(max_time = 2)]
mod one_token {
    use super::*;

    #[divan::bench(args = [(D, 3 * D), (D, INNER), (INNER, D)])]
    fn layer(bencher: Bencher, (k, m): (usize, usize)) {
        let (x, weight, bias, mut y) =
            (values(k, 1.0), values(k * m, 0.02), values(m, 0.1), zeros(m));
        bencher
            .counter(floats(k * m))
            .bench_local(|| linear_vectors(black_box(&x), &weight, &bias, &mut y));
    }

    #[divan::bench(args = [1, 8])]
    fn head(bencher: Bencher, texts: usize) {
        let (x, head, mut y) =
            (values(texts * D, 1.0), values(50257 * D, 0.02), zeros(texts * 50257));
        bencher
            .counter(floats(50257 * D))
            .bench_local(|| head_vectors(black_box(&x), &head, D, &mut y));
    }
}
