//! What is computed of tokens as they come: attention to those before, rotation, gates.

use minigpt_ops::*;
use proptest::prelude::*;

use crate::support::{assert_close, fresh, on_one_thread_and_two, values, wide};

/// Of one position, in double precision.
fn naive_attention(heads: Heads, q: &[f64], keys: &[f64], values: &[f64]) -> Vec<f64> {
    let Heads { n_head, n_kv_head, head_size, scale } = heads;
    let mut y = Vec::new();
    for (head, q) in q.chunks(head_size).enumerate() {
        let first = head / (n_head / n_kv_head) * head_size;
        let of = |rows: &[f64]| -> Vec<Vec<f64>> {
            rows.chunks(n_kv_head * head_size)
                .map(|row| row[first..first + head_size].to_vec())
                .collect()
        };
        let product = |key: &Vec<f64>| q.iter().zip(key).map(|(q, k)| q * k).sum::<f64>();
        let weights: Vec<f64> =
            of(keys).iter().map(|key| (f64::from(scale) * product(key)).exp()).collect();
        let sum: f64 = weights.iter().sum();
        let values = of(values);
        y.extend((0..head_size).map(|i| {
            weights.iter().zip(&values).map(|(weight, value)| weight / sum * value[i]).sum::<f64>()
        }));
    }
    y
}

fn check_attention(heads: Heads, n: usize, past: usize, seed: u64) {
    let Heads { n_head, n_kv_head, head_size, .. } = heads;
    let width = n_kv_head * head_size;
    let seen = past + n;
    let q = values(seed, n * n_head * head_size);
    let (keys, v) = (values(seed + 1, seen * width), values(seed + 2, seen * width));
    let pasts: Vec<Past> = (past + 1..=seen)
        .map(|seen| Past { keys: &keys[..seen * width], values: &v[..seen * width] })
        .collect();
    let outputs = on_one_thread_and_two(|| {
        let mut y = fresh(q.len());
        cached_attention(heads, &q, &pasts, &mut y);
        vec![y]
    });
    let rows = q.chunks(n_head * head_size).zip(&pasts).zip(outputs[0].chunks(n_head * head_size));
    for ((q, past), y) in rows {
        let exact = naive_attention(heads, &wide(q), &wide(past.keys), &wide(past.values));
        assert_close(y, &exact, 1e-5);
        let mut alone = fresh(y.len());
        cached_attention(heads, q, std::slice::from_ref(past), &mut alone);
        assert_eq!(alone, y, "a row gives other bits among others");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn attentions(
        n_kv_head in 1..3usize,
        group in 1..4usize,
        head_size in prop::sample::select(vec![1usize, 6, 33, 64, 80]),
        n in 1..5usize,
        past in 0..40usize,
        seed: u32,
    ) {
        let scale = 1.0 / (head_size as f32).sqrt();
        let heads = Heads { n_head: n_kv_head * group, n_kv_head, head_size, scale };
        check_attention(heads, n, past, u64::from(seed));
    }

    #[test]
    fn rotations(
        half in 1..20usize,
        heads in 1..4usize,
        n in 1..40usize,
        seed: u32,
    ) {
        let seed = u64::from(seed);
        let (angles, x) = (values(seed, n * half), values(seed + 1, n * heads * 2 * half));
        let (cos, sin): (Vec<f32>, Vec<f32>) = angles.iter().map(|a| (a.cos(), a.sin())).unzip();
        for pairs in [RotaryPairs::Halves, RotaryPairs::Adjacent] {
            let outputs = on_one_thread_and_two(|| {
                let mut y = x.clone();
                rotate(pairs, 2 * half, &cos, &sin, &mut y);
                vec![y]
            });
            let mut exact = wide(&x);
            for (head, y) in exact.chunks_mut(2 * half).enumerate() {
                for i in 0..half {
                    let (a, b) = match pairs {
                        RotaryPairs::Halves => (i, i + half),
                        RotaryPairs::Adjacent => (2 * i, 2 * i + 1),
                    };
                    let angle = f64::from(angles[head / heads * half + i]);
                    (y[a], y[b]) = (
                        y[a] * angle.cos() - y[b] * angle.sin(),
                        y[b] * angle.cos() + y[a] * angle.sin(),
                    );
                }
            }
            assert_close(&outputs[0], &exact, 1e-6);
        }
    }

    #[test]
    fn gates_and_branches_are_those_of_training(n in 1..5usize, m in 1..50usize, seed: u32) {
        let seed = u64::from(seed);
        let (gate, up) = (values(seed, n * m), values(seed + 1, n * m));
        let rows = gate.chunks(m).zip(up.chunks(m));
        let side_by_side: Vec<f32> = rows.flat_map(|(gate, up)| [gate, up].concat()).collect();
        let mut expected = fresh(n * m);
        swiglu(m, &side_by_side, &mut expected);
        let mut y = up.clone();
        silu_gate(&gate, &mut y);
        assert_eq!(y, expected);

        residual_dropout(&gate, &up, Dropout::new(0.0, 0), &mut expected);
        let mut y = gate.clone();
        add_branch(&mut y, &up);
        assert_eq!(y, expected);
    }
}

#[test]
fn more_positions_than_one_task_takes() {
    let heads = Heads { n_head: 6, n_kv_head: 2, head_size: 64, scale: 0.125 };
    check_attention(heads, 70, 300, 1);
}

#[test]
fn the_exact_gelu_is_that_of_the_error_function() {
    // Φ from a table of the normal distribution.
    let mut x = [0.0, 1.0, -1.0, 2.0, -3.0];
    exact_gelu(&mut x);
    let exact = [0.0, 0.841_344_746, -0.158_655_254, 2.0 * 0.977_249_868, -3.0 * 0.001_349_898];
    assert_close(&x, &exact, 1e-6);
}
