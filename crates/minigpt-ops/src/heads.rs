//! Queries, keys and values of a projection as attention takes them: normalised, turned by their positions, and each head
//! of keys and values as often as there are queries to it.

#[cfg(test)]
mod tests;

use rayon::prelude::*;

use crate::blocks::{ROWS, add_up};
use crate::rms_norm::{reciprocal_of, row_backward, row_forward};
use crate::simd::{add, vectorized};

/// How many heads of queries, and of keys and values, stand side by side in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupedHeads {
    /// Heads of queries.
    pub n_head: usize,
    /// Heads of keys and of values, a divisor.
    pub n_kv_head: usize,
    /// Numbers of a head.
    pub head_size: usize,
}

/// Cosines and sines of each position, `[time, head_size / 2]` each, that turn pairs of numbers half a head apart.
#[derive(Clone, Copy, Debug)]
pub struct Angles<'a> {
    /// Cosines.
    pub cos: &'a [f32],
    /// Sines.
    pub sin: &'a [f32],
}

/// Scales `[head_size]` of an [RMSNorm](crate::rms_norm) of each head of queries and of keys, before they are turned
/// ([Dehghani et al., 2023](https://arxiv.org/abs/2302.05442); Qwen 3).
#[derive(Clone, Copy, Debug)]
pub struct HeadNorms<'a> {
    /// Of queries.
    pub queries: &'a [f32],
    /// Of keys.
    pub keys: &'a [f32],
    /// Of both.
    pub epsilon: f32,
}

impl GroupedHeads {
    /// Width of what a projection gives.
    #[must_use]
    pub fn grouped(self) -> usize {
        (self.n_head + 2 * self.n_kv_head) * self.head_size
    }

    /// Width of what attention takes.
    #[must_use]
    pub fn spread(self) -> usize {
        3 * self.n_head * self.head_size
    }

    fn group(self) -> usize {
        self.n_head / self.n_kv_head
    }

    fn check(self, grouped: &[f32], spread: &[f32], norms: Option<HeadNorms>, angles: Angles) {
        let n = grouped.len() / self.grouped();
        assert!(self.n_head.is_multiple_of(self.n_kv_head), "heads: groups are uneven");
        assert_eq!(grouped.len(), n * self.grouped(), "heads: not whole rows");
        assert_eq!(spread.len(), n * self.spread(), "heads: another number of rows");
        let time = angles.cos.len() * 2 / self.head_size;
        assert_eq!(angles.cos.len(), angles.sin.len(), "heads: cosines without sines");
        assert!(time > 0 && n.is_multiple_of(time), "heads: not whole sequences");
        let of_head = |scale: &[f32]| scale.len() == self.head_size;
        assert!(
            norms.is_none_or(|norms| of_head(norms.queries) && of_head(norms.keys)),
            "heads: scales are not [head_size]"
        );
    }
}

/// From rows `[n, grouped]` of queries, keys and values to rows `[n, spread]`, replaced: queries and keys normalised where
/// there are `norms`, and turned, keys and values repeated. Row `i` stands at position `i` modulo the number of positions.
///
/// # Panics
///
/// If the lengths do not fit together.
pub fn spread_heads(
    heads: GroupedHeads,
    norms: Option<HeadNorms>,
    angles: Angles,
    grouped: &[f32],
    spread: &mut [f32],
) {
    heads.check(grouped, spread, norms, angles);
    let (from, to) = (heads.grouped(), heads.spread());
    let blocks = spread.par_chunks_mut(ROWS * to).zip(grouped.par_chunks(ROWS * from));
    blocks.enumerate().for_each(|(index, (spread, grouped))| {
        let mut normal = vec![0.0; heads.head_size];
        vectorized!({
            let rows = spread.chunks_exact_mut(to).zip(grouped.chunks_exact(from));
            for (place, (spread, grouped)) in rows.enumerate() {
                let angles = angles_of(angles, index * ROWS + place, heads.head_size);
                spread_row(heads, norms, angles, grouped, spread, &mut normal);
            }
        });
    });
}

#[inline(always)]
fn spread_row(
    heads: GroupedHeads,
    norms: Option<HeadNorms>,
    (cos, sin): (&[f32], &[f32]),
    grouped: &[f32],
    spread: &mut [f32],
    normal: &mut [f32],
) {
    let GroupedHeads { n_head, n_kv_head, head_size } = heads;
    let (queries, rest) = grouped.split_at(n_head * head_size);
    let (keys, values) = rest.split_at(n_kv_head * head_size);
    let (to_queries, rest) = spread.split_at_mut(n_head * head_size);
    let (to_keys, to_values) = rest.split_at_mut(n_head * head_size);
    let mut turned = |from: &[f32], scale: Option<&[f32]>, epsilon: f32, to: &mut [f32]| match scale
    {
        Some(scale) => {
            row_forward(from, scale, reciprocal_of(from, epsilon), normal);
            turn(normal, cos, sin, to);
        }
        None => turn(from, cos, sin, to),
    };
    let epsilon = norms.map_or(0.0, |norms| norms.epsilon);
    let pairs = to_queries.chunks_exact_mut(head_size).zip(queries.chunks_exact(head_size));
    pairs.for_each(|(to, from)| turned(from, norms.map(|norms| norms.queries), epsilon, to));
    let group = heads.group() * head_size;
    for (to, from) in to_keys.chunks_exact_mut(group).zip(keys.chunks_exact(head_size)) {
        let (first, others) = to.split_at_mut(head_size);
        turned(from, norms.map(|norms| norms.keys), epsilon, first);
        others.chunks_exact_mut(head_size).for_each(|to| to.copy_from_slice(first));
    }
    for (to, from) in to_values.chunks_exact_mut(group).zip(values.chunks_exact(head_size)) {
        to.chunks_exact_mut(head_size).for_each(|to| to.copy_from_slice(from));
    }
}

/// Gradients of [`spread_heads`] from that of its result, `[n, spread]`: `d_grouped` `[n, grouped]`, replaced, and with
/// `norms` those of the scales of queries and of keys, `[head_size]` each. `grouped` is what it was given, of which it looks
/// at nothing where there are no `norms`.
///
/// # Panics
///
/// If the lengths do not fit together.
pub fn spread_heads_backward(
    heads: GroupedHeads,
    norms: Option<HeadNorms>,
    angles: Angles,
    grouped: &[f32],
    d_spread: &[f32],
    d_grouped: &mut [f32],
) -> [Vec<f32>; 2] {
    heads.check(d_grouped, d_spread, norms, angles);
    assert_eq!(grouped.len(), d_grouped.len(), "heads: a gradient of another length");
    let (from, to, head_size) = (heads.grouped(), heads.spread(), heads.head_size);
    let inputs = grouped.par_chunks(ROWS * from).zip(d_spread.par_chunks(ROWS * to));
    let blocks = d_grouped.par_chunks_mut(ROWS * from).zip(inputs);
    let scales: Vec<[Vec<f32>; 2]> = blocks
        .enumerate()
        .map(|(index, (d_grouped, (grouped, d_spread)))| {
            let [mut sum, mut d_normal] = [0, 1].map(|_| vec![0.0; head_size]);
            let mut d_scales = [0, 1].map(|_| vec![0.0; head_size]);
            vectorized!({
                let rows = d_grouped.chunks_exact_mut(from).zip(d_spread.chunks_exact(to));
                let rows = rows.zip(grouped.chunks_exact(from)).enumerate();
                for (place, ((d_grouped, d_spread), grouped)) in rows {
                    let angles = angles_of(angles, index * ROWS + place, head_size);
                    let turned_back = TurnedBack { angles, norms, d_normal: &mut d_normal };
                    let d_scales = &mut d_scales;
                    turned_back.row(heads, grouped, d_spread, d_grouped, &mut sum, d_scales);
                }
            });
            d_scales
        })
        .collect();
    [0, 1].map(|which| {
        let mut sum = vec![0.0; head_size];
        add_up(scales.iter().map(|scales| scales[which].as_slice()), &mut sum);
        sum
    })
}

/// The way back of a row's queries and keys.
struct TurnedBack<'a> {
    angles: (&'a [f32], &'a [f32]),
    norms: Option<HeadNorms<'a>>,
    /// The gradient of a normalised head, while it is needed.
    d_normal: &'a mut [f32],
}

impl TurnedBack<'_> {
    #[inline(always)]
    fn row(
        mut self,
        heads: GroupedHeads,
        grouped: &[f32],
        d_spread: &[f32],
        d_grouped: &mut [f32],
        sum: &mut [f32],
        [d_queries_scale, d_keys_scale]: &mut [Vec<f32>; 2],
    ) {
        let GroupedHeads { n_head, n_kv_head, head_size } = heads;
        let (queries, rest) = grouped.split_at(n_head * head_size);
        let (keys, _) = rest.split_at(n_kv_head * head_size);
        let (d_queries, rest) = d_spread.split_at(n_head * head_size);
        let (d_keys, d_values) = rest.split_at(n_head * head_size);
        let (to_queries, rest) = d_grouped.split_at_mut(n_head * head_size);
        let (to_keys, to_values) = rest.split_at_mut(n_kv_head * head_size);
        let scale = self.norms.map(|norms| norms.queries);
        let pairs = to_queries.chunks_exact_mut(head_size).zip(d_queries.chunks_exact(head_size));
        for ((to, from), x) in pairs.zip(queries.chunks_exact(head_size)) {
            self.head(x, scale, from, to, d_queries_scale);
        }
        let scale = self.norms.map(|norms| norms.keys);
        let group = heads.group() * head_size;
        let pairs = to_keys.chunks_exact_mut(head_size).zip(d_keys.chunks_exact(group));
        for ((to, from), x) in pairs.zip(keys.chunks_exact(head_size)) {
            sum.fill(0.0);
            from.chunks_exact(head_size).for_each(|from| add(sum, from));
            self.head(x, scale, sum, to, d_keys_scale);
        }
        for (to, from) in to_values.chunks_exact_mut(head_size).zip(d_values.chunks_exact(group)) {
            to.fill(0.0);
            from.chunks_exact(head_size).for_each(|from| add(to, from));
        }
    }

    /// Of one head `x`: its gradient, and its share of that of the scale.
    #[inline(always)]
    fn head(
        &mut self,
        x: &[f32],
        scale: Option<&[f32]>,
        d_turned: &[f32],
        dx: &mut [f32],
        d_scale: &mut [f32],
    ) {
        let (cos, sin) = self.angles;
        match (scale, self.norms) {
            (Some(scale), Some(norms)) => {
                turn_back(d_turned, cos, sin, self.d_normal);
                let reciprocal = reciprocal_of(x, norms.epsilon);
                row_backward(x, scale, reciprocal, self.d_normal, dx, d_scale);
            }
            _ => turn_back(d_turned, cos, sin, dx),
        }
    }
}

#[inline(always)]
fn angles_of(angles: Angles<'_>, row: usize, head_size: usize) -> (&[f32], &[f32]) {
    let half = head_size / 2;
    let place = row % (angles.cos.len() / half) * half;
    (&angles.cos[place..][..half], &angles.sin[place..][..half])
}

#[inline(always)]
fn turn(from: &[f32], cos: &[f32], sin: &[f32], to: &mut [f32]) {
    let (a, b) = from.split_at(cos.len());
    let (to_a, to_b) = to.split_at_mut(cos.len());
    let angles = cos.iter().zip(sin);
    for (((to_a, to_b), (&a, &b)), (&cos, &sin)) in
        to_a.iter_mut().zip(to_b).zip(a.iter().zip(b)).zip(angles)
    {
        (*to_a, *to_b) = (a * cos - b * sin, b * cos + a * sin);
    }
}

#[inline(always)]
fn turn_back(from: &[f32], cos: &[f32], sin: &[f32], to: &mut [f32]) {
    let (a, b) = from.split_at(cos.len());
    let (to_a, to_b) = to.split_at_mut(cos.len());
    let angles = cos.iter().zip(sin);
    for (((to_a, to_b), (&a, &b)), (&cos, &sin)) in
        to_a.iter_mut().zip(to_b).zip(a.iter().zip(b)).zip(angles)
    {
        (*to_a, *to_b) = (a * cos + b * sin, b * cos - a * sin);
    }
}
