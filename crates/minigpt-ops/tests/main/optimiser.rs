//! AdamW and what it needs of gradients.

use minigpt_ops::*;
use proptest::prelude::*;

use crate::support::{assert_close, on_one_thread_and_two, values};

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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn optimiser_steps(n in 0..40_000usize, seed: u32) {
        check_adamw(n, u64::from(seed));
    }
}
