//! The operations as a framework without fused ones does them: a pass and a new array for each step,
//! matrix products on all threads, the rest on one.

use minigpt_ops::{AdamW, AttentionShape, CrossEntropy, Precision, project};

/// One new array from one.
fn map(x: &[f32], f: impl Fn(f32) -> f32) -> Vec<f32> {
    x.iter().map(|&x| f(x)).collect()
}

/// One new array from two, the second repeated as often as it takes.
fn zip(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> Vec<f32> {
    let mut c = Vec::with_capacity(a.len());
    a.chunks(b.len()).for_each(|a| c.extend(a.iter().zip(b).map(|(&a, &b)| f(a, b))));
    c
}

/// One new array from rows and one value for each.
fn by_row(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> Vec<f32> {
    let mut c = Vec::with_capacity(a.len());
    let rows = a.chunks(a.len() / b.len()).zip(b);
    rows.for_each(|(a, &b)| c.extend(a.iter().map(|&a| f(a, b))));
    c
}

fn reduce_rows(a: &[f32], width: usize, start: f32, f: impl Fn(f32, f32) -> f32) -> Vec<f32> {
    a.chunks(width).map(|row| row.iter().fold(start, |sum, &x| f(sum, x))).collect()
}

fn transposed(x: &[f32], columns: usize) -> Vec<f32> {
    let rows = x.len() / columns;
    (0..x.len()).map(|i| x[i % rows * columns + i / rows]).collect()
}

/// `[n, k] · [k, m]`.
fn product(n: usize, a: &[f32], b: &[f32]) -> Vec<f32> {
    let m = b.len() / (a.len() / n);
    let mut c = vec![0.0; n * m];
    project(Precision::F32, n, a, b, &mut c);
    c
}

fn softmax(x: &[f32], width: usize) -> Vec<f32> {
    let largest = reduce_rows(x, width, f32::NEG_INFINITY, f32::max);
    let exponentials = map(&by_row(x, &largest, |x, m| x - m), f32::exp);
    let sums = reduce_rows(&exponentials, width, 0.0, |sum, x| sum + x);
    by_row(&exponentials, &sums, |x, sum| x / sum)
}

/// A stored dropout mask: zeros and `1 / (1 - rate)`.
pub(crate) fn mask(length: usize, rate: f32) -> Vec<f32> {
    let draws = super::values(length, 0.5);
    map(&draws, |x| if x + 0.5 < rate { 0.0 } else { 1.0 / (1.0 - rate) })
}

pub(crate) fn cross_entropy_with_gradients(
    hidden: &[f32],
    head: &[f32],
    targets: &[i32],
    _smoothing: f32,
    d_hidden: &mut [f32],
    d_head: &mut [f32],
) -> CrossEntropy {
    let n = targets.len();
    let (d, v) = (hidden.len() / n, head.len() / (hidden.len() / n));
    let logits = product(n, hidden, &transposed(head, d));
    let mut d_logits = softmax(&logits, v);
    let places = targets.iter().enumerate().map(|(i, &target)| i * v + target as usize);
    let nats = places.clone().map(|place| -f64::from(d_logits[place].ln())).sum();
    places.for_each(|place| d_logits[place] -= 1.0);
    d_hidden.copy_from_slice(&product(n, &d_logits, head));
    d_head.copy_from_slice(&product(v, &transposed(&d_logits, v), hidden));
    CrossEntropy { objective: nats, nats }
}

/// What the backward pass of the attention needs, by head.
pub(crate) struct Attention {
    parts: [Vec<f32>; 3],
    softmax: Vec<f32>,
    weights: Vec<f32>,
}

/// `[batch, time, parts * n_embd]` to a copy `[batch, n_head, time, head_size]` of a part.
fn heads(shape: AttentionShape, packed: &[f32], parts: usize, part: usize) -> Vec<f32> {
    let AttentionShape { batch, time, n_head, head_size } = shape;
    let mut copy = Vec::with_capacity(batch * time * n_head * head_size);
    for (sequence, head) in (0..batch).flat_map(|b| (0..n_head).map(move |h| (b, h))) {
        for t in 0..time {
            let first = ((sequence * time + t) * parts + part) * n_head + head;
            copy.extend_from_slice(&packed[first * head_size..][..head_size]);
        }
    }
    copy
}

/// A product for each head.
fn by_head(n: usize, heads: usize, a: &[f32], b: &[f32]) -> Vec<f32> {
    let pairs = a.chunks(a.len() / heads).zip(b.chunks(b.len() / heads));
    pairs.flat_map(|(a, b)| product(n, a, b)).collect()
}

fn transposed_by_head(heads: usize, x: &[f32], columns: usize) -> Vec<f32> {
    x.chunks(x.len() / heads).flat_map(|x| transposed(x, columns)).collect()
}

pub(crate) fn attention(shape: AttentionShape, qkv: &[f32], mask: &[f32]) -> Attention {
    let AttentionShape { batch, time, n_head, head_size } = shape;
    let parts = [0, 1, 2].map(|part| heads(shape, qkv, 3, part));
    let keys = transposed_by_head(batch * n_head, &parts[1], head_size);
    let scores = by_head(time, batch * n_head, &parts[0], &keys);
    let scores = map(&scores, |x| x / (head_size as f32).sqrt());
    let causal = (0..time * time).map(|i| if i % time > i / time { -1e9 } else { 0.0 });
    let scores = zip(&scores, &causal.collect::<Vec<_>>(), |x, hidden| x + hidden);
    let softmax = softmax(&scores, time);
    let weights = zip(&softmax, mask, |x, mask| x * mask);
    let out = by_head(time, batch * n_head, &weights, &parts[2]);
    let back = AttentionShape { time: n_head, n_head: time, ..shape };
    std::hint::black_box(heads(back, &out, 1, 0));
    Attention { parts, softmax, weights }
}

pub(crate) fn attention_backward(
    shape: AttentionShape,
    saved: &Attention,
    d_out: &[f32],
    mask: &[f32],
) -> [Vec<f32>; 3] {
    let AttentionShape { batch, time, n_head, head_size } = shape;
    let n = batch * n_head;
    let [queries, keys, values] = &saved.parts;
    let d_out = heads(shape, d_out, 1, 0);
    let d_values = by_head(time, n, &transposed_by_head(n, &saved.weights, time), &d_out);
    let d_weights = by_head(time, n, &d_out, &transposed_by_head(n, values, head_size));
    let d_weights = zip(&d_weights, mask, |x, mask| x * mask);
    let along = zip(&d_weights, &saved.softmax, |d, p| d * p);
    let along = reduce_rows(&along, time, 0.0, |sum, x| sum + x);
    let d_scores = by_row(&d_weights, &along, |d, along| d - along);
    let d_scores = zip(&d_scores, &saved.softmax, |d, p| d * p);
    let d_scores = map(&d_scores, |x| x / (head_size as f32).sqrt());
    let d_queries = by_head(time, n, &d_scores, keys);
    let d_keys = by_head(time, n, &transposed_by_head(n, &d_scores, time), queries);
    let back = AttentionShape { time: n_head, n_head: time, ..shape };
    [d_queries, d_keys, d_values].map(|part| heads(back, &part, 1, 0))
}

pub(crate) fn layer_norm(x: &[f32], weight: &[f32], bias: &[f32], epsilon: f32) -> Vec<f32> {
    let d = weight.len();
    let means = map(&reduce_rows(x, d, 0.0, |sum, x| sum + x), |sum| sum / d as f32);
    let centred = by_row(x, &means, |x, mean| x - mean);
    let squares = map(&centred, |x| x * x);
    let variances = map(&reduce_rows(&squares, d, 0.0, |sum, x| sum + x), |sum| sum / d as f32);
    let deviations = map(&variances, |variance| (variance + epsilon).sqrt());
    let normal = by_row(&centred, &deviations, |x, deviation| x / deviation);
    zip(&zip(&normal, weight, |x, w| x * w), bias, |x, b| x + b)
}

pub(crate) fn bias_gelu(x: &[f32], bias: &[f32]) -> Vec<f32> {
    let x = zip(x, bias, |x, b| x + b);
    let cubes = map(&x, |x| x * x * x * 0.044_715);
    let u = map(&zip(&cubes, &x, |cube, x| x + cube), |x| x * 0.797_884_6);
    let factors = map(&map(&u, f32::tanh), |tanh| 0.5 * (1.0 + tanh));
    zip(&x, &factors, |x, factor| x * factor)
}

pub(crate) fn residual_dropout(x: &[f32], a: &[f32], mask: &[f32]) -> Vec<f32> {
    let a = zip(a, mask, |a, mask| a * mask);
    zip(x, &a, |x, a| x + a)
}

pub(crate) fn adamw(
    adamw: AdamW,
    parameters: &mut [f32],
    gradient: &[f32],
    moment_1: &mut [f32],
    moment_2: &mut [f32],
) {
    let AdamW { learning_rate, beta_1, beta_2, epsilon, weight_decay, step } = adamw;
    let part = map(gradient, |g| (1.0 - beta_1) * g);
    moment_1.copy_from_slice(&zip(&map(moment_1, |m| beta_1 * m), &part, |m, g| m + g));
    let part = map(gradient, |g| (1.0 - beta_2) * g * g);
    moment_2.copy_from_slice(&zip(&map(moment_2, |v| beta_2 * v), &part, |v, g| v + g));
    let mean = map(moment_1, |m| m / (1.0 - beta_1.powi(step)));
    let root = map(moment_2, |v| (v / (1.0 - beta_2.powi(step))).sqrt() + epsilon);
    let delta = zip(&mean, &root, |m, root| learning_rate * m / root);
    let kept = map(parameters, |p| p * (1.0 - learning_rate * weight_decay));
    parameters.copy_from_slice(&zip(&kept, &delta, |p, delta| p - delta));
}
