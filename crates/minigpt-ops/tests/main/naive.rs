//! The operations as formulas in double precision, written for reading. Gradients come from central
//! differences of these, so that no derivative is written down twice.

/// Row-major `[n, k] · [k, m]`.
pub(crate) fn product(x: &[f64], w: &[f64], n: usize, m: usize) -> Vec<f64> {
    let k = x.len() / n;
    let element = |i: usize, j: usize| (0..k).map(|l| x[i * k + l] * w[l * m + j]).sum();
    (0..n * m).map(|at| element(at / m, at % m)).collect()
}

pub(crate) fn transposed(x: &[f64], rows: usize) -> Vec<f64> {
    let columns = x.len() / rows;
    (0..x.len()).map(|at| x[at % rows * columns + at / rows]).collect()
}

pub(crate) fn layer_norm(x: &[f64], weight: &[f64], bias: &[f64], epsilon: f64) -> Vec<f64> {
    let d = weight.len();
    let row = |x: &[f64]| {
        let mean = x.iter().sum::<f64>() / d as f64;
        let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / d as f64;
        let normal = x.iter().map(|x| (x - mean) / (variance + epsilon).sqrt());
        normal.zip(weight.iter().zip(bias)).map(|(x, (w, b))| x * w + b).collect::<Vec<_>>()
    };
    x.chunks(d).flat_map(row).collect()
}

pub(crate) fn rms_norm(x: &[f64], weight: &[f64], epsilon: f64) -> Vec<f64> {
    let d = weight.len();
    let row = |x: &[f64]| {
        let mean_square = x.iter().map(|x| x * x).sum::<f64>() / d as f64;
        let normal = x.iter().map(|x| x / (mean_square + epsilon).sqrt());
        normal.zip(weight).map(|(x, w)| x * w).collect::<Vec<_>>()
    };
    x.chunks(d).flat_map(row).collect()
}

pub(crate) fn swiglu(x: &[f64], m: usize) -> Vec<f64> {
    let row = |x: &[f64]| {
        let (gate, up) = x.split_at(m);
        let gated = gate.iter().zip(up).map(|(gate, up)| gate / (1.0 + (-gate).exp()) * up);
        gated.collect::<Vec<_>>()
    };
    x.chunks(2 * m).flat_map(row).collect()
}

pub(crate) fn gelu(x: f64) -> f64 {
    let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3));
    0.5 * x * (1.0 + u.tanh())
}

/// The objective, and the nats.
pub(crate) fn cross_entropy(
    hidden: &[f64],
    head: &[f64],
    targets: &[i32],
    smoothing: f64,
) -> (f64, f64) {
    let n = targets.len();
    let v = head.len() / (hidden.len() / n);
    let logits = product(hidden, &transposed(head, v), n, v);
    let (mut objective, mut nats) = (0.0, 0.0);
    for (row, &target) in logits.chunks(v).zip(targets).filter(|(_, target)| **target >= 0) {
        let log_sum = row.iter().map(|x| x.exp()).sum::<f64>().ln();
        let of_target = log_sum - row[target as usize];
        let even = log_sum - row.iter().sum::<f64>() / v as f64;
        nats += of_target;
        objective += (1.0 - smoothing) * of_target + smoothing * even;
    }
    (objective, nats)
}

/// `objective` and nats of a student whose teachers are given by their logits' factors, hidden and head each.
pub(crate) fn distillation(
    hidden: &[f64],
    head: &[f64],
    targets: &[i32],
    teachers: &[[Vec<f64>; 2]],
    [weight, temperature]: [f64; 2],
) -> (f64, f64) {
    let n = targets.len();
    let v = head.len() / (hidden.len() / n);
    let logits = |hidden: &[f64], head: &[f64]| product(hidden, &transposed(head, v), n, v);
    let softmax = |row: &[f64], temperature: f64| {
        let sum: f64 = row.iter().map(|x| (x / temperature).exp()).sum();
        row.iter().map(|x| (x / temperature).exp() / sum).collect::<Vec<_>>()
    };
    let taught: Vec<Vec<f64>> =
        teachers.iter().map(|[hidden, head]| logits(hidden, head)).collect();
    let (mut objective, mut nats) = (0.0, 0.0);
    for (token, row) in logits(hidden, head).chunks(v).enumerate() {
        let Ok(target) = usize::try_from(targets[token]) else { continue };
        let of_target = -softmax(row, 1.0)[target].ln();
        let of_teachers: Vec<Vec<f64>> =
            taught.iter().map(|logits| softmax(&logits[token * v..][..v], temperature)).collect();
        let soft = softmax(row, temperature);
        let divergence: f64 = (0..v)
            .map(|id| {
                let p = of_teachers.iter().map(|p| p[id]).sum::<f64>() / teachers.len() as f64;
                p * (p / soft[id]).ln()
            })
            .sum();
        nats += of_target;
        objective += (1.0 - weight) * of_target + weight * temperature * temperature * divergence;
    }
    (objective, nats)
}

/// `multiplier(head of the batch, query, key)` is what dropout does to a weight.
pub(crate) fn attention(
    [batch, time, n_head, head_size]: [usize; 4],
    qkv: &[f64],
    multiplier: impl Fn(usize, usize, usize) -> f64,
) -> Vec<f64> {
    let d = n_head * head_size;
    let mut out = vec![0.0; batch * time * d];
    for (b, h, query) in
        (0..batch).flat_map(|b| (0..n_head).flat_map(move |h| (0..time).map(move |q| (b, h, q))))
    {
        let at = |row: usize, part: usize, i: usize| {
            qkv[(b * time + row) * 3 * d + part * d + h * head_size + i]
        };
        let score = |key: usize| {
            let inner: f64 = (0..head_size).map(|i| at(query, 0, i) * at(key, 1, i)).sum();
            (inner / (head_size as f64).sqrt()).exp()
        };
        let sum: f64 = (0..=query).map(score).sum();
        for key in 0..=query {
            let weight = score(key) / sum * multiplier(b * n_head + h, query, key);
            for i in 0..head_size {
                out[(b * time + query) * d + h * head_size + i] += weight * at(key, 2, i);
            }
        }
    }
    out
}

/// Central differences of a scalar function.
pub(crate) fn gradient(at: &[f64], f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    const STEP: f64 = 1e-5;
    let mut point = at.to_vec();
    let mut moved = |i: usize, by: f64| {
        point[i] = at[i] + by;
        let value = f(&point);
        point[i] = at[i];
        value
    };
    (0..at.len()).map(|i| (moved(i, STEP) - moved(i, -STEP)) / (2.0 * STEP)).collect()
}
