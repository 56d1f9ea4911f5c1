//! Loops that the compiler vectorises, for whatever the processor turns out to have.
//!
//! Kernels here are plain loops over slices and small arrays of lanes, always inlined, and run
//! inside [`vectorized!`]. `mul_add` is one instruction there, and rounds once everywhere: results do
//! not depend on the instruction set, only on the number of [`LANES`].

#[cfg(test)]
mod tests;

use std::array;

/// Partial sums that a reduction keeps: four vectors of AVX2, enough to hide the latency of an
/// addition.
pub(crate) const LANES: usize = 32;

/// Evaluates an expression compiled for the best instruction set of this processor: AVX-512, AVX2 with
/// FMA, NEON, or what every processor of the target has.
///
/// All functions that it calls must be `#[inline(always)]`: what is not inlined is compiled for every
/// processor, and each `mul_add` there is a call of the C library. Loops over several slices belong in
/// functions that take these as arguments: only there does the compiler know that they do not overlap.
macro_rules! vectorized {
    ($work:expr) => {
        $crate::simd::dispatch(
            #[inline(always)]
            || $work,
        )
    };
}
pub(crate) use vectorized;

/// [`vectorized!`] with its expression as a closure.
#[inline(always)]
pub(crate) fn dispatch<R>(f: impl FnOnce() -> R) -> R {
    // By hand where `Arch::dispatch` leaves AVX2 out: that is behind a feature of pulp which nothing
    // else here uses, and switching it on would have burn built a second time.
    #[cfg(target_arch = "x86_64")]
    {
        if let Some(simd) = pulp::x86::V4::try_new() {
            return simd.vectorize(f);
        }
        if let Some(simd) = pulp::x86::V3::try_new() {
            return simd.vectorize(f);
        }
    }
    pulp::Arch::new().dispatch(f)
}

/// The instruction set that [`dispatch`] takes.
pub(crate) fn instructions() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if pulp::x86::V4::try_new().is_some() {
            return "AVX-512";
        }
        if pulp::x86::V3::try_new().is_some() {
            return "AVX2";
        }
    }
    if cfg!(target_arch = "aarch64") { "NEON" } else { "baseline" }
}

/// eˣ, relative error below 2e-7 where the result is a normal number; smaller results become 1.2e-38,
/// larger ones 3.4e38. NaN stays NaN, so that a NaN loss shows.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // Adding and subtracting it rounds to an integer, which its lowest bits then hold.
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    // Comparisons instead of `clamp`-like functions that would drop NaN.
    let x = if x < -87.3 { -87.3 } else { x };
    let x = if x > 88.7 { 88.7 } else { x };
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(-LN_2_LOW, n.mul_add(-LN_2_HIGH, x)); // in ±ln(2)/2
    // Cephes' expf: a polynomial of the fifth degree for (eʳ - 1 - r) / r².
    let p = 1.987_569_1e-4;
    let p = r.mul_add(p, 1.398_2e-3);
    let p = r.mul_add(p, 8.333_452e-3);
    let p = r.mul_add(p, 4.166_579_6e-2);
    let p = r.mul_add(p, 1.666_666_5e-1);
    let p = r.mul_add(p, 0.5);
    let e = p.mul_add(r * r, r) + 1.0;
    // The lowest bits of `shifted` are n: it is added to the exponent. Within the bounds above the
    // result is a normal number.
    f32::from_bits(e.to_bits().wrapping_add(shifted.to_bits() << 23))
}

/// Logistic function, relative error below 1e-6.
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// `Σ f(a[i])`.
#[inline(always)]
pub(crate) fn sum_of(a: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let (chunks, rest) = a.as_chunks::<LANES>();
    let mut lanes = [0.0f32; LANES];
    for a in chunks {
        for (lane, &a) in lanes.iter_mut().zip(a) {
            *lane += f(a);
        }
    }
    rest.iter().fold(sum_lanes(lanes), |sum, &a| sum + f(a))
}

/// `Σ f(a[i], b[i])`.
#[inline(always)]
pub(crate) fn sum_of_pairs(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut lanes = [0.0f32; LANES];
    for (a, b) in a.iter().zip(b) {
        for (lane, (&a, &b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += f(a, b);
        }
    }
    a_rest.iter().zip(b_rest).fold(sum_lanes(lanes), |sum, (&a, &b)| sum + f(a, b))
}

/// Inner product.
#[inline(always)]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut lanes = [0.0f32; LANES];
    for (a, b) in a.iter().zip(b) {
        for (lane, (&a, &b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane = a.mul_add(b, *lane);
        }
    }
    a_rest.iter().zip(b_rest).fold(sum_lanes(lanes), |sum, (&a, &b)| a.mul_add(b, sum))
}

/// Inner products with several vectors, of each the bits that [`dot`] gives.
#[inline(always)]
pub(crate) fn dots<const N: usize>(a: &[f32], b: [&[f32]; N]) -> [f32; N] {
    let (a, a_rest) = a.as_chunks::<LANES>();
    let b = b.map(|b| b.as_chunks::<LANES>());
    let mut lanes = [[0.0f32; LANES]; N];
    for (i, a) in a.iter().enumerate() {
        for (lanes, (b, _)) in lanes.iter_mut().zip(b) {
            // No panic here: with one, the sums would lie in memory.
            let Some(b) = b.get(i) else { break };
            for (lane, (&a, &b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
                *lane = a.mul_add(b, *lane);
            }
        }
    }
    let mut sums = [0.0; N];
    for (sum, (lanes, (_, b_rest))) in sums.iter_mut().zip(lanes.into_iter().zip(b)) {
        let rest = a_rest.iter().zip(b_rest);
        *sum = rest.fold(sum_lanes(lanes), |sum, (&a, &b)| a.mul_add(b, sum));
    }
    sums
}

/// Largest element, -∞ of none; NaN is passed over.
#[inline(always)]
pub(crate) fn max(a: &[f32]) -> f32 {
    let larger = |m: f32, x: f32| if x > m { x } else { m };
    let (chunks, rest) = a.as_chunks::<LANES>();
    let mut lanes = [f32::NEG_INFINITY; LANES];
    for a in chunks {
        for (lane, &a) in lanes.iter_mut().zip(a) {
            *lane = larger(*lane, a);
        }
    }
    let largest = lanes.into_iter().fold(f32::NEG_INFINITY, larger);
    rest.iter().copied().fold(largest, larger)
}

/// Replaces each element by `f` of it and gives the sum of the new ones.
#[inline(always)]
pub(crate) fn map_and_sum(a: &mut [f32], f: impl Fn(f32) -> f32) -> f32 {
    let (chunks, rest) = a.as_chunks_mut::<LANES>();
    let mut lanes = [0.0f32; LANES];
    for a in chunks {
        for (lane, a) in lanes.iter_mut().zip(a) {
            *a = f(*a);
            *lane += *a;
        }
    }
    rest.iter_mut().fold(sum_lanes(lanes), |sum, a| {
        *a = f(*a);
        sum + *a
    })
}

/// `y += a · x`.
#[inline(always)]
pub(crate) fn add_scaled(y: &mut [f32], a: f32, x: &[f32]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = a.mul_add(x, *y);
    }
}

/// `y += x`.
#[inline(always)]
pub(crate) fn add(y: &mut [f32], x: &[f32]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y += x;
    }
}

/// By halves, as a tree: better rounded than one after the other, and vectorised.
#[inline(always)]
fn sum_lanes(lanes: [f32; LANES]) -> f32 {
    // The compiler must not see how they are added: it would keep pairs of them in a register, as these are
    // added, where the loop before can have eight or sixteen.
    let lanes = std::hint::black_box(lanes);
    let lanes: [f32; LANES / 2] = array::from_fn(|i| lanes[i] + lanes[i + LANES / 2]);
    let lanes: [f32; LANES / 4] = array::from_fn(|i| lanes[i] + lanes[i + LANES / 4]);
    let lanes: [f32; LANES / 8] = array::from_fn(|i| lanes[i] + lanes[i + LANES / 8]);
    (lanes[0] + lanes[2]) + (lanes[1] + lanes[3])
}
