//! The softmax of some queries over one block of positions.

use super::key_values::{KeyValues, LANES, Panels};
use super::widen::Widen;
use crate::simd::{self, exp, map_and_sum, vectorized};

/// Positions of a block: whole panels, and few enough that keys and values stay in the first caches for all queries.
pub(super) const BLOCK: usize = 8 * LANES;

/// The query of one head of one position.
pub(super) struct Query<'a> {
    /// `[head_size]`.
    pub(super) q: &'a [f32],
    /// Positions that it attends to.
    pub(super) seen: usize,
}

/// Some positions of a head of keys and values.
pub(super) struct Block<'a> {
    pub(super) cache: &'a KeyValues,
    pub(super) head: usize,
    /// The first position.
    pub(super) start: usize,
}

/// What queries make of some positions: softmax times values, before the division by the sum.
pub(super) struct Partial {
    /// Largest score and sum of exponentials of each query; none of one that sees none of the positions.
    softmaxes: Vec<Option<Softmax>>,
    /// `[queries, chunks]`.
    mixed: Vec<[f32; LANES]>,
}

#[derive(Clone, Copy)]
struct Softmax {
    largest: f32,
    sum: f32,
}

impl Partial {
    /// Of one block, whose numbers are `panels`.
    #[inline(always)]
    pub(super) fn of_block<N: Copy + Default, W: Widen<N>>(
        block: &Block,
        panels: &Panels<N>,
        queries: &[Query],
        scale: f32,
    ) -> Self {
        let chunks = block.cache.head_rows()[1] / LANES;
        let mut softmaxes = vec![None; queries.len()];
        let mut mixed = vec![[0.0; LANES]; queries.len() * chunks];
        let mut first = 0;
        while first < queries.len() {
            let (queries, softmaxes, mixed) =
                (&queries[first..], &mut softmaxes[first..], &mut mixed[first * chunks..]);
            first += match queries.len() {
                6.. => tile::<6, N, W>(block, panels, queries, scale, softmaxes, mixed),
                3.. => tile::<3, N, W>(block, panels, queries, scale, softmaxes, mixed),
                2 => tile::<2, N, W>(block, panels, queries, scale, softmaxes, mixed),
                _ => tile::<1, N, W>(block, panels, queries, scale, softmaxes, mixed),
            };
        }
        Self { softmaxes, mixed }
    }

    /// Of both, of which `later` is that of the positions after.
    pub(super) fn joined(mut self, later: Self) -> Self {
        vectorized!(self.join(&later));
        self
    }

    #[inline(always)]
    fn join(&mut self, later: &Self) {
        let chunks = self.mixed.len() / self.softmaxes.len();
        let mixed = self.mixed.chunks_exact_mut(chunks).zip(later.mixed.chunks_exact(chunks));
        for ((softmax, later), (mixed, mixed_later)) in
            self.softmaxes.iter_mut().zip(&later.softmaxes).zip(mixed)
        {
            // Who sees none of the later positions stays as it is; there is no query without the earlier ones.
            let (Some(a), Some(b)) = (softmax.as_mut(), later) else { continue };
            let largest = if b.largest > a.largest { b.largest } else { a.largest };
            let [by, by_later] = [a.largest, b.largest].map(|own| exp(own - largest));
            *a = Softmax { largest, sum: a.sum * by + b.sum * by_later };
            let numbers = mixed.as_flattened_mut().iter_mut().zip(mixed_later.as_flattened());
            numbers.for_each(|(mixed, later)| *mixed = *mixed * by + later * by_later);
        }
    }

    /// The output of each query, filled up to whole chunks.
    pub(super) fn outputs(&self) -> impl Iterator<Item = impl Iterator<Item = f32>> {
        let chunks = self.mixed.len() / self.softmaxes.len();
        self.softmaxes.iter().zip(self.mixed.chunks_exact(chunks)).map(|(softmax, mixed)| {
            let factor = 1.0 / softmax.map_or(f32::NAN, |softmax| softmax.sum);
            mixed.as_flattened().iter().map(move |mixed| mixed * factor)
        })
    }
}

/// The first `Q` of some queries; gives `Q`.
#[inline(always)]
fn tile<const Q: usize, N: Copy + Default, W: Widen<N>>(
    block: &Block,
    panels: &Panels<N>,
    queries: &[Query],
    scale: f32,
    softmaxes: &mut [Option<Softmax>],
    mixed: &mut [[f32; LANES]],
) -> usize {
    let queries: [&Query; Q] = std::array::from_fn(|index| &queries[index]);
    let seen = queries.map(|query| query.seen.saturating_sub(block.start).min(BLOCK));
    let most = seen.into_iter().max().unwrap_or(0);
    let [key_rows, value_rows] = block.cache.head_rows();
    let place = |panel: usize| block.cache.place(block.start / LANES + panel, block.head);

    let q = queries.map(|query| query.q);
    let mut weights = [[[0.0; LANES]; BLOCK / LANES]; Q];
    for panel in 0..most.div_ceil(LANES) {
        let keys = panels.keys(place(panel), key_rows);
        let sums = add_rows::<Q, N, W>(q, keys, [[0.0; LANES]; Q]);
        for (weights, sums) in weights.iter_mut().zip(sums) {
            for (weight, sum) in weights[panel].iter_mut().zip(sums) {
                *weight = scale * sum;
            }
        }
    }
    for ((weights, seen), softmax) in weights.iter_mut().zip(seen).zip(softmaxes) {
        *softmax = exponentials(weights.as_flattened_mut(), seen);
    }
    // Panels that all queries see as a whole; of the others each query sees its own part.
    let common = seen.into_iter().min().unwrap_or(0) / LANES;
    let chunks = value_rows / LANES;
    for chunk in 0..chunks {
        let values =
            |panel: usize| &panels.values(place(panel), value_rows)[chunk * LANES..][..LANES];
        let mut sums = [[0.0; LANES]; Q];
        for panel in 0..common {
            let weights = weights.each_ref().map(|weights| &weights[panel][..]);
            sums = add_rows::<Q, N, W>(weights, values(panel), sums);
        }
        for (index, (weights, sum)) in weights.iter().zip(sums).enumerate() {
            let mut sum = [sum];
            for panel in common..seen[index].div_ceil(LANES) {
                let part = LANES.min(seen[index] - panel * LANES);
                let weights = &weights[panel][..part];
                sum = add_rows::<1, N, W>([weights], &values(panel)[..part], sum);
            }
            mixed[index * chunks + chunk] = sum[0];
        }
    }
    Q
}

/// For each query, `sums` and the rows, each times the query's number for it.
#[inline(always)]
fn add_rows<const Q: usize, N: Copy, W: Widen<N>>(
    numbers: [&[f32]; Q],
    rows: &[[N; LANES]],
    mut sums: [[f32; LANES]; Q],
) -> [[f32; LANES]; Q] {
    let numbers = numbers.map(|numbers| &numbers[..rows.len()]);
    for (at, row) in rows.iter().enumerate() {
        let row = W::widen(row);
        for (sums, numbers) in sums.iter_mut().zip(numbers) {
            // No panic here: with one, the sums would lie in memory.
            let Some(&number) = numbers.get(at) else { break };
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum = number.mul_add(value, *sum);
            }
        }
    }
    sums
}

/// Scores of which the first `seen` count, to exponentials of their distance from the largest.
#[inline(always)]
fn exponentials(scores: &mut [f32], seen: usize) -> Option<Softmax> {
    if seen == 0 {
        return None;
    }
    // To whole vectors: what is not seen becomes too small to change a sum that has a one.
    let padded = seen.next_multiple_of(simd::LANES).min(scores.len());
    scores[seen..padded].fill(f32::NEG_INFINITY);
    let scores = &mut scores[..padded];
    let largest = simd::max(scores);
    Some(Softmax { largest, sum: map_and_sum(scores, |score| exp(score - largest)) })
}
