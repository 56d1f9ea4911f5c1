//! Which rows a batch has.

use std::sync::Arc;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::order::Permutation;

/// Batches made of one stretch of shuffled rows.
const POOL: usize = 16;

/// Which rows a batch has, by their lengths and the weights of their sources.
#[derive(Clone, Debug)]
pub(crate) struct Batches {
    lengths: Arc<[usize]>,
    /// The rows' numbers, shorter ones first.
    by_length: Arc<[usize]>,
    sources: Arc<[Source]>,
    /// Rows in a training pass.
    places: usize,
}

/// Rows that follow each other, and how many of them a pass has.
#[derive(Clone, Copy, Debug)]
struct Source {
    first: usize,
    rows: usize,
    /// The first place in a pass, and how many there are.
    first_place: usize,
    places: usize,
}

impl Batches {
    /// Of rows of these lengths, where so many of each source follow each other, and a pass has them as often as its
    /// weight says: at least one.
    pub(crate) fn new(lengths: impl Iterator<Item = usize>, weights: &[(usize, f64)]) -> Self {
        let lengths: Arc<[usize]> = lengths.collect();
        let mut by_length: Vec<usize> = (0..lengths.len()).collect();
        by_length.sort_by_key(|row| lengths[*row]);
        let (mut first, mut first_place) = (0, 0);
        let mut source = |&(rows, weight): &(usize, f64)| {
            let places = ((rows as f64 * weight).round() as usize).max(1);
            let source = Source { first, rows, first_place, places };
            (first, first_place) = (first + rows, first_place + places);
            source
        };
        let sources: Arc<[Source]> = weights.iter().map(&mut source).collect();
        let places = sources.iter().map(|source| source.places).sum();
        Self { lengths, by_length: by_length.into(), sources, places }
    }

    /// Number of batches in an evaluation.
    pub(crate) fn in_order(&self, batch_size: usize) -> usize {
        self.lengths.len().div_ceil(batch_size)
    }

    /// Number of batches in a training pass.
    pub(crate) fn in_a_pass(&self, batch_size: usize) -> usize {
        self.places.div_ceil(batch_size)
    }

    /// The batch of this number in an evaluation: shorter rows first.
    pub(crate) fn batch(&self, number: usize, batch_size: usize) -> &[usize] {
        let end = self.lengths.len().min((number + 1) * batch_size);
        &self.by_length[number * batch_size..end]
    }

    /// The row at a place of a pass. Where a pass has a part of a source's rows, the next goes on after it.
    fn row(&self, pass: u64, place: usize) -> usize {
        let after = self.sources.partition_point(|source| source.first_place <= place);
        let Source { first, rows, first_place, places } = self.sources[after - 1];
        let at = u128::from(pass) * places as u128 + (place - first_place) as u128;
        first + (at % rows as u128) as usize
    }

    /// The batch of this number in a training run, counted from 0; a pure function of the seed and the number.
    pub(crate) fn training_batch(&self, number: u64, batch_size: usize, seed: u64) -> Vec<usize> {
        let per_pass = self.in_a_pass(batch_size) as u64;
        let (pass, index) = (number / per_pass, (number % per_pass) as usize);
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(pass);
        let shuffled = Permutation::new(self.places as u64, &mut random);

        let (pool, index) = (index / POOL, index % POOL);
        let first = pool * POOL * batch_size;
        let last = self.places.min(first + POOL * batch_size);
        let mut order: Vec<usize> = (first..last)
            .map(|place| self.row(pass, shuffled.get(place as u64) as usize))
            .collect();
        order.sort_by_key(|row| (self.lengths[*row], *row));
        // Batches change places, but for the one that is smaller.
        let whole = order.len() / batch_size;
        let index = if index < whole {
            let mut random = ChaCha8Rng::seed_from_u64(seed.wrapping_add(1 + pool as u64));
            random.set_stream(pass);
            Permutation::new(whole as u64, &mut random).get(index as u64) as usize
        } else {
            index
        };
        order[index * batch_size..order.len().min((index + 1) * batch_size)].to_vec()
    }
}
