//! Causal attention with dropout.

use minigpt_ops::*;
use proptest::prelude::*;

use crate::naive;
use crate::support::{assert_close, fresh, inner, on_one_thread_and_two, values, wide};

/// Operands of bfloat16 are off by one part in 256 at most, each of the chain's products by as much again.
const OF_BF16: f64 = 2e-2;

fn check_attention(precision: Precision, shape: AttentionShape, rate: f32, seed: u64) {
    let AttentionShape { batch, time, n_head, head_size } = shape;
    let n = batch * time * n_head * head_size;
    let qkv: Vec<f32> = values(seed, 3 * n).iter().map(|x| 2.0 * x).collect();
    let d_out = values(seed + 1, n);
    let mask = Dropout::new(rate, seed);
    let outputs = on_one_thread_and_two(|| {
        let (mut out, mut log_sums) = (fresh(n), fresh(batch * n_head * time));
        causal_attention(precision, shape, &qkv, mask, &mut out, &mut log_sums);
        let mut d_qkv = fresh(3 * n);
        causal_attention_backward(precision, shape, &qkv, &log_sums, &d_out, mask, &mut d_qkv);
        vec![out, d_qkv]
    });
    let tolerance = |exact: f64| if precision == Precision::Bf16 { OF_BF16 } else { exact };
    let multiplier = |head: usize, query: usize, key: usize| {
        f64::from(mask.place(head as u64).place(query as u64).multiplier(key as u32))
    };
    let f = |qkv: &[f64]| naive::attention([batch, time, n_head, head_size], qkv, multiplier);
    let qkv = wide(&qkv);
    assert_close(&outputs[0], &f(&qkv), tolerance(1e-5));
    if n <= 1000 {
        let exact = naive::gradient(&qkv, |qkv| inner(&f(qkv), &d_out));
        assert_close(&outputs[1], &exact, tolerance(2e-5));
        return;
    }
    // A directional derivative, where one for each element would take too long.
    let direction = wide(&values(seed + 2, 3 * n));
    let moved = |by: f64| {
        let qkv: Vec<f64> = qkv.iter().zip(&direction).map(|(x, d)| x + by * d).collect();
        inner(&f(&qkv), &d_out)
    };
    let exact = (moved(1e-5) - moved(-1e-5)) / 2e-5;
    assert_close(&[inner(&direction, &outputs[1]) as f32], &[exact], tolerance(1e-4));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn attentions(
        batch in 1..4usize,
        time in 1..12usize,
        n_head in 1..4usize,
        head_size in 1..12usize,
        rate in prop::sample::select(vec![0.0f32, 0.3]),
        seed: u32,
    ) {
        let shape = AttentionShape { batch, time, n_head, head_size };
        for precision in [Precision::F32, Precision::Bf16] {
            check_attention(precision, shape, rate, u64::from(seed));
        }
    }
}

#[test]
fn sizes_that_need_several_blocks_and_threads() {
    let uneven = AttentionShape { batch: 2, time: 200, n_head: 2, head_size: 20 };
    let odd = AttentionShape { batch: 1, time: 333, n_head: 1, head_size: 33 };
    let even = AttentionShape { batch: 1, time: 128, n_head: 2, head_size: 32 };
    for precision in [Precision::F32, Precision::Bf16] {
        check_attention(precision, uneven, 0.1, 2);
        check_attention(precision, odd, 0.0, 4);
        check_attention(precision, even, 0.0, 3);
    }
}
