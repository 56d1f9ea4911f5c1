//! Products with matrices, those of decoding among them, and the gradient of a table of embeddings.

use minigpt_ops::*;
use proptest::prelude::*;

use crate::naive;
use crate::support::{assert_close, fresh, on_one_thread_and_two, values, wide};

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
    fn decoding(n in 1..9usize, k in 1..100usize, m in 1..600usize, seed: u32) {
        check_decoding(n, k, m, u64::from(seed));
    }

    #[test]
    fn embeddings(n in 0..300usize, d in 1..20usize, v in 1..300usize, seed: u32) {
        check_embedding(n, d, v, u64::from(seed));
    }
}

#[test]
fn sizes_that_need_several_blocks_and_threads() {
    check_linear(Precision::F32, 300, 96, 130, 1);
    check_linear(Precision::Bf16, 300, 600, 130, 1);
    check_decoding(3, 300, 1000, 5);
    check_embedding(500, 40, 3000, 4);
}
