//! Attention of some positions to those before them, whose keys and values are kept.

use rayon::prelude::*;

use crate::scratch::Scratch;
use crate::simd::{add_scaled, dots, exp, map_and_sum, max, vectorized};

/// Numbers of a head that are added up in registers.
const WIDTH: usize = 64;

/// Keys that a query is multiplied with at a time.
const KEYS: usize = 4;

/// Products below which a task of its own costs more than it gains.
const SMALL: usize = 1 << 14;

/// The heads of a layer.
#[derive(Clone, Copy, Debug)]
pub struct Heads {
    /// Heads of queries.
    pub n_head: usize,
    /// Heads of keys and values, a divisor of `n_head`.
    pub n_kv_head: usize,
    /// Width of a head.
    pub head_size: usize,
    /// What scores are multiplied by: `1 / √head_size` in most models.
    pub scale: f32,
}

/// Keys and values that one position attends to, its own last: `[seen, n_kv_head * head_size]` each.
#[derive(Clone, Copy, Debug)]
pub struct Past<'a> {
    /// Keys.
    pub keys: &'a [f32],
    /// Values.
    pub values: &'a [f32],
}

/// `softmax(scale · q · Kᵀ) · V` of each position's heads ([Vaswani et al., 2017](https://arxiv.org/abs/1706.03762)),
/// each head of keys and values for `n_head / n_kv_head` heads of queries ([Ainslie et al.,
/// 2023](https://arxiv.org/abs/2305.13245)): `q` and `y` `[n, n_head * head_size]`, `pasts` `[n]`.
///
/// A position gives the same bits among others and alone.
///
/// # Panics
///
/// If the lengths do not fit together, or a position attends to none.
pub fn cached_attention(heads: Heads, q: &[f32], pasts: &[Past], y: &mut [f32]) {
    let Heads { n_head, n_kv_head, head_size, scale } = heads;
    let width = n_kv_head * head_size;
    assert!(head_size > 0 && n_kv_head > 0, "cached_attention: heads are empty");
    assert!(n_head.is_multiple_of(n_kv_head), "cached_attention: heads in uneven groups");
    assert_eq!(q.len(), pasts.len() * n_head * head_size, "cached_attention: q is not [n, heads]");
    assert_eq!(y.len(), q.len(), "cached_attention: q and y have one length");
    for past in pasts {
        let is_whole = !past.keys.is_empty() && past.keys.len().is_multiple_of(width);
        assert!(is_whole, "cached_attention: keys are not [seen, heads]");
        assert_eq!(past.values.len(), past.keys.len(), "cached_attention: keys without values");
    }
    let longest = pasts.iter().map(|past| past.keys.len() / width).max().unwrap_or(0);
    let at_least = SMALL / (longest * head_size).max(1);
    let tasks = y.par_chunks_mut(head_size).zip(q.par_chunks(head_size)).enumerate();
    tasks.with_min_len(at_least.max(1)).for_each(|(index, (y, q))| {
        let Past { keys, values } = pasts[index / n_head];
        let first = index % n_head / (n_head / n_kv_head) * head_size;
        let mut scores = Scratch::new(keys.len() / width);
        vectorized!({
            score(q, keys, width, first, scale, &mut scores);
            let largest = max(&scores);
            let sum = map_and_sum(&mut scores, |score| exp(score - largest));
            mix(&scores, values, width, first, 1.0 / sum, y);
        });
    });
}

/// `scores = scale · q · keysᵀ` of the head that begins at column `first`.
#[inline(always)]
fn score(q: &[f32], keys: &[f32], width: usize, first: usize, scale: f32, scores: &mut [f32]) {
    let d = q.len();
    let mut some = scores.chunks_exact_mut(KEYS);
    let mut keys_of_some = keys.chunks_exact(KEYS * width);
    for (scores, keys) in some.by_ref().zip(keys_of_some.by_ref()) {
        let keys = [0, 1, 2, 3].map(|key| &keys[key * width + first..][..d]);
        let products: [f32; KEYS] = dots(q, keys);
        scores.iter_mut().zip(products).for_each(|(score, product)| *score = scale * product);
    }
    let rest = keys_of_some.remainder().chunks_exact(width);
    for (score, key) in some.into_remainder().iter_mut().zip(rest) {
        let [product] = dots(q, [&key[first..][..d]]);
        *score = scale * product;
    }
}

/// `y = factor · weights · values` of the head that begins at column `first`.
#[inline(always)]
fn mix(weights: &[f32], values: &[f32], width: usize, first: usize, factor: f32, y: &mut [f32]) {
    let (chunks, rest) = y.as_chunks_mut::<WIDTH>();
    let whole = chunks.len() * WIDTH;
    for (index, y) in chunks.iter_mut().enumerate() {
        let mut sums = [0.0; WIDTH];
        for (&weight, values) in weights.iter().zip(values.chunks_exact(width)) {
            let Some(values) = values.get(first + index * WIDTH..) else { break };
            let Some(values) = values.first_chunk::<WIDTH>() else { break };
            for (sum, &value) in sums.iter_mut().zip(values) {
                *sum = weight.mul_add(value, *sum);
            }
        }
        y.iter_mut().zip(sums).for_each(|(y, sum)| *y = factor * sum);
    }
    rest.fill(0.0);
    for (&weight, values) in weights.iter().zip(values.chunks_exact(width)) {
        add_scaled(rest, weight, &values[first + whole..][..rest.len()]);
    }
    rest.iter_mut().for_each(|y| *y *= factor);
}
