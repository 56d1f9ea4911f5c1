//! In which order the windows of a pass are visited.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{Window, Windows};

/// The windows of a training run, pass after pass without end: cut anew and shuffled anew in each.
///
/// Any window can be asked for by its position in the run, in constant time and memory: a resumed
/// run and any number of workers need nothing but the seed and a position.
///
/// Let the split predict `P` tokens and a window hold `B`. The stream is seen as a circle, whose
/// last [`END_OF_TEXT`](crate::END_OF_TEXT) is its first. Each pass draws an offset below `B`; its
/// `P / B` windows follow each other from there, and the last may go on at the start of the stream.
/// So every token is predicted at most once per pass, and all are but the `P % B` before the
/// offset: tokens at the start of the stream or, as far as the offset is less than `P % B`, at its
/// end. All targets of a window count.
#[derive(Clone, Debug)]
pub struct Passes {
    windows: Windows,
    seed: u64,
}

/// Where a position in a run leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The pass, counted from 0.
    pub pass: u64,
    /// The offset at which the first window of this pass starts.
    pub offset: usize,
    /// The first input of the window, as an index into the stream.
    pub start: usize,
}

impl Passes {
    /// The endless passes over these windows that a seed gives: the same windows and seed give the same order.
    #[must_use]
    pub fn new(windows: Windows, seed: u64) -> Self {
        Self { windows, seed }
    }

    /// Number of windows in each pass, at least 1.
    #[must_use]
    pub fn windows_per_pass(&self) -> usize {
        self.windows.predicted_tokens() / self.windows.block_size()
    }

    /// Tokens in a window.
    #[must_use]
    pub(crate) fn block_size(&self) -> usize {
        self.windows.block_size()
    }

    /// Where the window with this number in the run lies, counted from 0; a pure function of the
    /// seed and the position.
    #[must_use]
    pub fn place(&self, position: u64) -> Place {
        let per_pass = self.windows_per_pass();
        let (pass, index) = (position / per_pass as u64, position % per_pass as u64);
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(pass);
        let block_size = self.block_size();
        let offset = (random.next_u64() % block_size as u64) as usize;
        let index = Permutation::new(per_pass as u64, &mut random).get(index) as usize;
        let start = (offset + index * block_size) % self.windows.predicted_tokens();
        Place { pass, offset, start }
    }

    /// The window with this number in the run.
    #[must_use]
    pub fn get(&self, position: u64) -> Window {
        self.windows.around(self.place(position).start)
    }
}

/// Rounds of the Feistel network: four make it pseudo-random (Luby and Rackoff 1988), the others
/// make up for the simple round function.
const ROUNDS: usize = 8;

/// The numbers below `len` in random order, each computed alone.
///
/// A Feistel network permutes the numbers below the next power of four; one that leads out of the
/// range is led on until it is in again, fewer than four times on average.
pub(crate) struct Permutation {
    len: u64,
    half_bits: u32,
    keys: [u64; ROUNDS],
}

impl Permutation {
    pub(crate) fn new(len: u64, random: &mut ChaCha8Rng) -> Self {
        let bits = u64::BITS - (len - 1).leading_zeros();
        let half_bits = bits.div_ceil(2).max(1);
        Self { len, half_bits, keys: std::array::from_fn(|_| random.next_u64()) }
    }

    pub(crate) fn get(&self, index: u64) -> u64 {
        let mut number = self.step(index);
        while number >= self.len {
            number = self.step(number);
        }
        number
    }

    fn step(&self, number: u64) -> u64 {
        let mask = (1 << self.half_bits) - 1;
        let (mut left, mut right) = (number >> self.half_bits, number & mask);
        for key in self.keys {
            (left, right) = (right, left ^ (mix(right ^ key) & mask));
        }
        left << self.half_bits | right
    }
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014).
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests;
