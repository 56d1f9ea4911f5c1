#![allow(clippy::unwrap_used)]

use super::{Passes, Permutation};
use crate::TokenSplit;
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeSet;

fn passes(tokens: u32, block_size: usize, seed: u64) -> Passes {
    let split = TokenSplit::from_ids((0..tokens).collect(), 0, 0, 0);
    Passes::new(split.windows(block_size).unwrap(), seed)
}

proptest! {
    #[test]
    fn a_pass_predicts_all_but_the_tokens_before_its_offset(
        predicted in 1_usize..300,
        block_size in 1_usize..50,
        seed in any::<u64>(),
        pass in 0_u64..5,
    ) {
        prop_assume!(block_size <= predicted);
        let passes = passes(predicted as u32 + 1, block_size, seed);
        let per_pass = passes.windows_per_pass() as u64;
        let mut targets = BTreeSet::new();
        // Backwards: no window needs the ones before it.
        for position in (pass * per_pass..(pass + 1) * per_pass).rev() {
            let window = passes.get(position);
            prop_assert_eq!(passes.place(position).pass, pass);
            prop_assert_eq!(window.fresh, block_size);
            prop_assert_eq!(window.inputs.len(), block_size);
            for (input, target) in window.inputs.iter().zip(&window.targets) {
                prop_assert_eq!(input + 1, *target);
                prop_assert!(targets.insert(*target as usize), "predicted twice");
            }
        }
        let offset = passes.place(pass * per_pass).offset;
        prop_assert!(offset < block_size);
        let left_out = (1..=predicted % block_size)
            .map(|before| (offset + predicted - before) % predicted + 1);
        let expected: BTreeSet<usize> = left_out.collect();
        let all: BTreeSet<usize> = (1..=predicted).collect();
        prop_assert_eq!(all.difference(&targets).copied().collect::<BTreeSet<_>>(), expected);
    }

    #[test]
    fn a_permutation_has_every_number_once(len in 1_u64..2000, seed in any::<u64>()) {
        let order = Permutation::new(len, &mut ChaCha8Rng::seed_from_u64(seed));
        let mut numbers: Vec<u64> = (0..len).map(|index| order.get(index)).collect();
        numbers.sort_unstable();
        prop_assert_eq!(numbers, (0..len).collect::<Vec<_>>());
    }
}

#[test]
fn passes_differ_and_look_random() {
    let passes = passes(64_001, 64, 1337);
    let pass = |number: u64| -> Vec<usize> {
        (0..1000).map(|index| passes.place(number * 1000 + index).start).collect()
    };
    let (first, second) = (pass(0), pass(1));
    assert_eq!(first, pass(0));
    assert_ne!(first[0] % 64, second[0] % 64, "both offsets are the same");
    let same = first.iter().zip(&second).filter(|(a, b)| *a / 64 == *b / 64).count();
    assert!(same < 10, "{same} windows at the same place");
    // Chance alone makes half of the neighbours ascend, give or take 9 (one sigma).
    let ascents = first.windows(2).filter(|pair| pair[0] < pair[1]).count();
    assert!((455..545).contains(&ascents), "{ascents}");
}

/// Checkpoints hold a position in this order: if this test fails, they no longer resume.
#[test]
fn passes_are_pinned() {
    let passes = passes(1001, 10, 1337);
    let starts: Vec<usize> = [0, 1, 99, 100].map(|at| passes.place(at).start).into();
    assert_eq!(starts, [774, 954, 834, 92]);
}
