//! Layer and root mean square normalisation.

use minigpt_ops::*;
use proptest::prelude::*;

use crate::naive;
use crate::support::{assert_close, fresh, inner, on_one_thread_and_two, values, wide};

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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn layer_norms(n in 1..70usize, d in 1..40usize, seed: u32) {
        check_layer_norm(n, d, u64::from(seed));
        check_rms_norm(n, d, u64::from(seed));
    }
}
