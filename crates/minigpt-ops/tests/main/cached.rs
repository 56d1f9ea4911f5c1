//! What is computed of tokens as they come: attention to those before, rotation, gates.

use minigpt_gguf::TensorType;
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

/// What a cache of a type has of some numbers.
fn kept(cache_type: CacheType, numbers: &[f32]) -> Vec<f32> {
    let rounded = match cache_type {
        CacheType::F32 => return numbers.to_vec(),
        CacheType::F16 => TensorType::F16,
        CacheType::Bf16 => TensorType::Bf16,
    };
    let (mut bytes, mut kept) = (Vec::new(), fresh(numbers.len()));
    rounded.quantize(numbers, &mut bytes).expect("numbers fit");
    rounded.dequantize(&bytes, &mut kept);
    kept
}

/// The outputs of the last `n` of `past + n` positions.
fn check_attention(cache_type: CacheType, heads: Heads, n: usize, past: usize, seed: u64) {
    let Heads { n_head, n_kv_head, head_size, .. } = heads;
    let (width, q_width) = (n_kv_head * head_size, n_head * head_size);
    let seen = past + n;
    let q = values(seed, n * q_width);
    let (keys, v) = (values(seed + 1, seen * width), values(seed + 2, seen * width));
    let cache_of = |seen: usize| {
        let mut cache = KeyValues::new(cache_type, n_kv_head, head_size);
        let (keys, v) = (&keys[..seen * width], &v[..seen * width]);
        let some = seen / 3 * width; // not all at once
        cache.extend(&keys[..some], &v[..some]);
        cache.extend(&keys[some..], &v[some..]);
        assert_eq!(cache.len(), seen);
        cache
    };
    let cache = cache_of(seen);
    let attend = |cache: &KeyValues, q: &[f32]| {
        let mut y = fresh(q.len());
        let rows = q.len() / q_width;
        cached_attention(heads, q, &[Reading { cache, rows }], &mut y);
        y
    };
    let outputs = on_one_thread_and_two(|| vec![attend(&cache, &q)]);
    let (kept_keys, kept_values) = (kept(cache_type, &keys), kept(cache_type, &v));
    for (row, (q, y)) in q.chunks(q_width).zip(outputs[0].chunks(q_width)).enumerate() {
        let seen = past + row + 1;
        let [keys, values] = [&kept_keys, &kept_values].map(|kept| wide(&kept[..seen * width]));
        assert_close(y, &naive_attention(heads, &wide(q), &keys, &values), 1e-5);
        assert_eq!(attend(&cache_of(seen), q), y, "a row gives other bits among others");
        assert_eq!(attend(&cache.beginning(seen), q), y, "a beginning gives other bits");
        let mut cut = cache.clone();
        cut.truncate(seen);
        assert_eq!(attend(&cut, q), y, "what was forgotten changes what is left");
        let kept = &kept_keys[..seen * width];
        let mut exact = KeyValues::new(CacheType::F32, n_kv_head, head_size);
        exact.extend(kept, &kept_values[..seen * width]);
        assert_eq!(attend(&exact, q), y, "numbers of 16 bits give other bits than in 32 bits");
    }
    // Several texts at once.
    let (one, other) = (cache_of(past + 1), cache_of(seen));
    let texts = [Reading { cache: &one, rows: 1 }, Reading { cache: &other, rows: n }];
    let mut both = fresh(q_width + q.len());
    cached_attention(heads, &[&q[..q_width], &q[..]].concat(), &texts, &mut both);
    assert_eq!(both, [&outputs[0][..q_width], &outputs[0][..]].concat());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn attentions(
        n_kv_head in 1..3usize,
        group in 1..4usize,
        head_size in prop::sample::select(vec![1usize, 6, 33, 64, 80]),
        n in 1..5usize,
        past in prop::sample::select(vec![0usize, 1, 14, 15, 16, 40, 127, 128, 129, 300]),
        cache_type in prop::sample::select(CacheType::ALL.to_vec()),
        seed: u32,
    ) {
        let scale = 1.0 / (head_size as f32).sqrt();
        let heads = Heads { n_head: n_kv_head * group, n_kv_head, head_size, scale };
        check_attention(cache_type, heads, n, past, u64::from(seed));
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
    for cache_type in CacheType::ALL {
        check_attention(cache_type, heads, 70, 300, 1);
    }
}

#[test]
fn a_cache_has_half_the_bytes_in_16_bits() {
    let [wide, half] = [CacheType::F32, CacheType::Bf16].map(|cache_type| {
        let mut cache = KeyValues::new(cache_type, 3, 64);
        cache.extend(&[1.0; 32 * 3 * 64], &[1.0; 32 * 3 * 64]);
        cache.bytes()
    });
    assert_eq!((wide, half), (2 * 32 * 3 * 64 * 4, 32 * 3 * 64 * 4));
}

#[test]
fn a_nan_shows_in_positions_that_see_it_alone() {
    let heads = Heads { n_head: 2, n_kv_head: 2, head_size: 20, scale: 0.2 };
    for cache_type in CacheType::ALL {
        for wrong in [0, 1] {
            let mut parts = [values(1, 150 * 40), values(2, 150 * 40)];
            parts[wrong][140 * 40 + 3] = f32::NAN; // of the first head
            let mut cache = KeyValues::new(cache_type, 2, 20);
            cache.extend(&parts[0], &parts[1]);
            let (q, mut y) = (values(3, 20 * 40), fresh(20 * 40));
            cached_attention(heads, &q, &[Reading { cache: &cache, rows: 20 }], &mut y);
            for (row, y) in y.chunks(20).enumerate() {
                let sees_it = 130 + row / 2 >= 140 && row % 2 == 0;
                assert_eq!(y.iter().any(|y| y.is_nan()), sees_it, "{cache_type}, row {row}");
            }
        }
    }
}

#[test]
fn the_exact_gelu_is_that_of_the_error_function() {
    // Φ from a table of the normal distribution.
    let mut x = [0.0, 1.0, -1.0, 2.0, -3.0];
    exact_gelu(&mut x);
    let exact = [0.0, 0.841_344_746, -0.158_655_254, 2.0 * 0.977_249_868, -3.0 * 0.001_349_898];
    assert_close(&x, &exact, 1e-6);
}
