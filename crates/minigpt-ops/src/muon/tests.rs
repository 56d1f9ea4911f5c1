use super::*;

const MUON: Muon = Muon {
    learning_rate: 0.1,
    decay: 0.01,
    momentum: 0.95,
    epsilon: 1e-7,
    iterations: &Muon::ITERATIONS,
    has_closer_bound: true,
};

/// Like noise, the same each time.
fn values(count: usize, seed: usize) -> Vec<f32> {
    let value = |i: usize| {
        let bits = (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(seed << 20);
        ((bits ^ (bits >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as f32 / 8_388_608.0 - 1.0
    };
    (0..count).map(value).collect()
}

/// `a · b` of row-major matrices, `[n, k]` and `[k, m]`.
fn times(a: &[f64], b: &[f64], n: usize, k: usize, m: usize) -> Vec<f64> {
    let element = |i: usize, j: usize| (0..k).map(|l| a[i * k + l] * b[l * m + j]).sum();
    (0..n * m).map(|at| element(at / m, at % m)).collect()
}

fn transposed(a: &[f64], rows: usize, columns: usize) -> Vec<f64> {
    (0..rows * columns).map(|at| a[at % rows * columns + at / rows]).collect()
}

/// The step as published, in `f64` and with the whole of each product: parameters and velocity after it.
fn plain(
    muon: Muon,
    [rows, columns]: [usize; 2],
    parameters: &[f32],
    gradient: &[f32],
    velocity: &[f32],
) -> (Vec<f64>, Vec<f64>) {
    let momentum = f64::from(muon.momentum);
    let moved = |(v, g): (&f32, &f32)| momentum * f64::from(*v) + f64::from(*g);
    let velocity: Vec<f64> = velocity.iter().zip(gradient).map(moved).collect();
    let nesterov = |(v, g): (&f64, &f32)| f64::from(*g) + momentum * v;
    let update: Vec<f64> = velocity.iter().zip(gradient).map(nesterov).collect();
    let norm = update.iter().map(|x| x * x).sum::<f64>().sqrt().max(muon.epsilon.into());
    let mut x: Vec<f64> = update.iter().map(|x| x / norm).collect();
    let is_tall = rows > columns;
    let (m, n) = (rows.min(columns), rows.max(columns));
    if is_tall {
        x = transposed(&x, rows, columns);
    }
    for (index, coefficients) in muon.iterations.iter().enumerate() {
        let [a, b, c] = coefficients.map(f64::from);
        if index == 0 {
            let square = times(&x, &transposed(&x, m, n), m, n, m);
            let fourth = times(&square, &square, m, m, m);
            let most = fourth.iter().map(|x| x * x).sum::<f64>().powf(0.125);
            x.iter_mut().for_each(|x| *x /= most);
        }
        let square = times(&x, &transposed(&x, m, n), m, n, m);
        let fourth = times(&square, &square, m, m, m);
        let polynomial: Vec<f64> =
            square.iter().zip(fourth).map(|(square, fourth)| b * square + c * fourth).collect();
        let product = times(&polynomial, &x, m, m, n);
        x = x.iter().zip(product).map(|(x, product)| a * x + product).collect();
    }
    if is_tall {
        x = transposed(&x, m, n);
    }
    let keep = 1.0 - f64::from(muon.decay);
    let step = |(p, x): (&f32, f64)| f64::from(*p) * keep - f64::from(muon.learning_rate) * x;
    (parameters.iter().zip(x).map(step).collect(), velocity)
}

const SHAPES: [[usize; 2]; 8] =
    [[1, 1], [1, 9], [7, 1], [16, 16], [40, 17], [17, 40], [130, 70], [96, 192]];

fn largest_difference(a: &[f32], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max)
}

#[track_caller]
fn compare(precision: Precision, tolerance: f64) {
    for (seed, shape) in SHAPES.into_iter().enumerate() {
        let n = shape[0] * shape[1];
        let (parameters, gradient) = (values(n, seed), values(n, seed + 50));
        let start = values(n, seed + 100);
        let (expected, expected_velocity) = plain(MUON, shape, &parameters, &gradient, &start);
        let (mut update, mut velocity) = (gradient, start);
        MUON.update_in(precision, shape[1], &parameters, &mut update, &mut velocity);
        let off = largest_difference(&update, &expected) / f64::from(MUON.learning_rate);
        assert!(off < tolerance, "{shape:?}: off by {off:.1e} of the learning rate");
        assert!(largest_difference(&velocity, &expected_velocity) < 1e-6, "{shape:?}: velocity");
    }
}

#[test]
fn a_step_is_the_published_one() {
    compare(Precision::F32, 1e-4);
}

/// Singular values end in one band around 1 in either precision, at other places of it.
#[test]
fn a_step_in_bf16_is_it_nearly() {
    if !Precision::Bf16.is_native() {
        crate::skipped("Muon in bf16: this processor has no such instructions");
        return;
    }
    compare(Precision::Bf16, 0.25);
}

#[test]
fn one_thread_and_two_give_the_same_bits() {
    for precision in [Precision::F32, Precision::Bf16] {
        let [rows, columns] = [190, 130];
        let (parameters, gradient) = (values(rows * columns, 1), values(rows * columns, 2));
        let step = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let (mut update, mut velocity) = (gradient.clone(), vec![0.0; rows * columns]);
            pool.install(|| {
                MUON.update_in(precision, columns, &parameters, &mut update, &mut velocity);
            });
            update
        };
        assert_eq!(step(1), step(2));
    }
}

#[test]
fn without_a_gradient_only_the_decay_moves() {
    let parameters = values(12 * 20, 3);
    let (mut update, mut velocity) = (vec![0.0; 240], vec![0.0; 240]);
    MUON.update(20, &parameters, &mut update, &mut velocity);
    let decayed: Vec<f32> = parameters.iter().map(|p| p * (1.0 - MUON.decay)).collect();
    assert_eq!(update, decayed);
}

#[test]
fn momentum_of_any_size_gives_a_finite_step() {
    for exponent in 0..22 {
        for shape in SHAPES {
            let n = shape[0] * shape[1];
            let mut update: Vec<f32> =
                values(n, 5).iter().map(|x| x * 0.1f32.powi(exponent)).collect();
            MUON.update(shape[1], &vec![0.0; n], &mut update, &mut vec![0.0; n]);
            let most = update.iter().fold(0.0f32, |most, x| most.max(x.abs()));
            assert!(most <= 1.4 * MUON.learning_rate, "{shape:?}, 1e-{exponent}: {most}");
        }
    }
}
