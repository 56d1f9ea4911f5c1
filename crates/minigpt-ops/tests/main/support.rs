//! Numbers that go in, and how those that come out are held against exact ones.

use std::cell::RefCell;

/// Pseudo-random values in ±1, a function of the seed and the index.
pub(crate) fn values(seed: u64, length: usize) -> Vec<f32> {
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

pub(crate) fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

pub(crate) fn inner(a: &[f64], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, &b)| a * f64::from(b)).sum()
}

#[track_caller]
pub(crate) fn assert_close(ours: &[f32], exact: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), exact.len());
    let largest = exact.iter().fold(1.0f64, |largest, x| largest.max(x.abs()));
    for (i, (&ours, &exact)) in ours.iter().zip(exact).enumerate() {
        let difference = (f64::from(ours) - exact).abs();
        assert!(difference <= tolerance * largest, "element {i}: {ours}, not {exact}");
    }
}

/// The outputs of `f` on one thread, after asserting that two give the same bits.
pub(crate) fn on_one_thread_and_two(f: impl Fn() -> Vec<Vec<f32>> + Sync) -> Vec<Vec<f32>> {
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
pub(crate) fn fresh(length: usize) -> Vec<f32> {
    vec![f32::NAN; length]
}
