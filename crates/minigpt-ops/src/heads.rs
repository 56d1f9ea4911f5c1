//! Queries, keys and values of a projection as attention takes them: turned by their positions, and each head of keys
//! and values as often as there are queries to it.

#[cfg(test)]
mod tests;

use rayon::prelude::*;

use crate::blocks::ROWS;
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

    fn check(self, grouped: &[f32], spread: &[f32], angles: Angles) {
        let n = grouped.len() / self.grouped();
        assert!(self.n_head.is_multiple_of(self.n_kv_head), "heads: groups are uneven");
        assert_eq!(grouped.len(), n * self.grouped(), "heads: not whole rows");
        assert_eq!(spread.len(), n * self.spread(), "heads: another number of rows");
        let time = angles.cos.len() * 2 / self.head_size;
        assert_eq!(angles.cos.len(), angles.sin.len(), "heads: cosines without sines");
        assert!(time > 0 && n.is_multiple_of(time), "heads: not whole sequences");
    }
}

/// From rows `[n, grouped]` of queries, keys and values to rows `[n, spread]`, replaced: queries and keys turned, keys and
/// values repeated. Row `i` stands at position `i` modulo the number of positions.
///
/// # Panics
///
/// If the lengths do not fit together.
pub fn spread_heads(heads: GroupedHeads, angles: Angles, grouped: &[f32], spread: &mut [f32]) {
    heads.check(grouped, spread, angles);
    let (from, to) = (heads.grouped(), heads.spread());
    let blocks = spread.par_chunks_mut(ROWS * to).zip(grouped.par_chunks(ROWS * from));
    blocks.enumerate().for_each(|(index, (spread, grouped))| {
        vectorized!({
            let rows = spread.chunks_exact_mut(to).zip(grouped.chunks_exact(from));
            for (place, (spread, grouped)) in rows.enumerate() {
                spread_row(heads, angles, index * ROWS + place, grouped, spread);
            }
        });
    });
}

#[inline(always)]
fn spread_row(
    heads: GroupedHeads,
    angles: Angles,
    row: usize,
    grouped: &[f32],
    spread: &mut [f32],
) {
    let GroupedHeads { n_head, n_kv_head, head_size } = heads;
    let (cos, sin) = angles_of(angles, row, head_size);
    let (queries, rest) = grouped.split_at(n_head * head_size);
    let (keys, values) = rest.split_at(n_kv_head * head_size);
    let (to_queries, rest) = spread.split_at_mut(n_head * head_size);
    let (to_keys, to_values) = rest.split_at_mut(n_head * head_size);
    let pairs = to_queries.chunks_exact_mut(head_size).zip(queries.chunks_exact(head_size));
    pairs.for_each(|(to, from)| turn(from, cos, sin, to));
    let group = heads.group() * head_size;
    for (to, from) in to_keys.chunks_exact_mut(group).zip(keys.chunks_exact(head_size)) {
        let (first, others) = to.split_at_mut(head_size);
        turn(from, cos, sin, first);
        others.chunks_exact_mut(head_size).for_each(|to| to.copy_from_slice(first));
    }
    for (to, from) in to_values.chunks_exact_mut(group).zip(values.chunks_exact(head_size)) {
        to.chunks_exact_mut(head_size).for_each(|to| to.copy_from_slice(from));
    }
}

/// The gradient of [`spread_heads`] from that of its result, `[n, spread]`: `[n, grouped]`, replaced.
///
/// # Panics
///
/// If the lengths do not fit together.
pub fn spread_heads_backward(
    heads: GroupedHeads,
    angles: Angles,
    d_spread: &[f32],
    d_grouped: &mut [f32],
) {
    heads.check(d_grouped, d_spread, angles);
    let (from, to) = (heads.grouped(), heads.spread());
    let blocks = d_grouped.par_chunks_mut(ROWS * from).zip(d_spread.par_chunks(ROWS * to));
    blocks.enumerate().for_each(|(index, (d_grouped, d_spread))| {
        let mut sum = vec![0.0; heads.head_size];
        vectorized!({
            let rows = d_grouped.chunks_exact_mut(from).zip(d_spread.chunks_exact(to));
            for (place, (d_grouped, d_spread)) in rows.enumerate() {
                let row = index * ROWS + place;
                spread_row_backward(heads, angles, row, d_spread, d_grouped, &mut sum);
            }
        });
    });
}

#[inline(always)]
fn spread_row_backward(
    heads: GroupedHeads,
    angles: Angles,
    row: usize,
    d_spread: &[f32],
    d_grouped: &mut [f32],
    sum: &mut [f32],
) {
    let GroupedHeads { n_head, n_kv_head, head_size } = heads;
    let (cos, sin) = angles_of(angles, row, head_size);
    let (d_queries, rest) = d_spread.split_at(n_head * head_size);
    let (d_keys, d_values) = rest.split_at(n_head * head_size);
    let (to_queries, rest) = d_grouped.split_at_mut(n_head * head_size);
    let (to_keys, to_values) = rest.split_at_mut(n_kv_head * head_size);
    let pairs = to_queries.chunks_exact_mut(head_size).zip(d_queries.chunks_exact(head_size));
    pairs.for_each(|(to, from)| turn_back(from, cos, sin, to));
    let group = heads.group() * head_size;
    for (to, from) in to_keys.chunks_exact_mut(head_size).zip(d_keys.chunks_exact(group)) {
        sum.fill(0.0);
        from.chunks_exact(head_size).for_each(|from| add(sum, from));
        turn_back(sum, cos, sin, to);
    }
    for (to, from) in to_values.chunks_exact_mut(head_size).zip(d_values.chunks_exact(group)) {
        to.fill(0.0);
        from.chunks_exact(head_size).for_each(|from| add(to, from));
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
