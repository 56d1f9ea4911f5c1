//! What is done to one element after the other: GELU, SwiGLU, dropout and the residual.

use minigpt_ops::*;
use proptest::prelude::*;

use crate::naive;
use crate::support::{assert_close, fresh, inner, on_one_thread_and_two, values, wide};

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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn gelus(n in 1..70usize, m in 1..40usize, seed: u32) {
        check_gelu(n, m, u64::from(seed));
        check_swiglu(n, m, u64::from(seed));
    }

    #[test]
    fn residuals(n in 1..70usize, d in 1..40usize, rate in 0.0..0.9f32, seed: u32) {
        check_residual(n, d, rate, u64::from(seed));
    }
}
