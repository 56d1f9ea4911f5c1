//! In which order the windows of a pass are visited.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// The numbers `0..len` in random order, a pure function of all three arguments.
///
/// A run that is resumed in the middle of a pass asks again with the same `seed` and `pass` and goes
/// on at the position that it had reached; nothing but these numbers needs to be saved. ChaCha8,
/// with the pass as its stream, and a Fisher-Yates shuffle: the same on every machine.
#[must_use]
pub fn shuffled(len: usize, seed: u64, pass: u64) -> Vec<usize> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(pass);
    let mut order: Vec<usize> = (0..len).collect();
    order.shuffle(&mut random);
    order
}

#[cfg(test)]
mod tests {
    use super::shuffled;

    #[test]
    fn is_a_permutation_that_depends_on_seed_and_pass() {
        let mut order = shuffled(1000, 1337, 0);
        assert_ne!(order, shuffled(1000, 1338, 0));
        assert_ne!(order, shuffled(1000, 1337, 1));
        order.sort_unstable();
        assert_eq!(order, (0..1000).collect::<Vec<_>>());
    }

    /// Checkpoints hold a position in this order: if this test fails, they no longer resume.
    #[test]
    fn is_pinned() {
        assert_eq!(shuffled(10, 1337, 0), [1, 8, 2, 3, 7, 4, 5, 6, 0, 9]);
        assert_eq!(shuffled(10, 1337, 1), [5, 8, 0, 4, 2, 6, 1, 3, 9, 7]);
        assert_eq!(shuffled(100_000, 42, 7)[..6], [62687, 20346, 64342, 37935, 80077, 47019]);
    }
}
