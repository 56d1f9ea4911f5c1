use super::*;
use rand::SeedableRng;

const SMALL: &[u8] = include_bytes!("../../../../crates/minigpt-gguf/tests/fixtures/small.gguf");

#[test]
fn a_file_is_what_its_parts_are() {
    let parts = parts(SMALL).unwrap();
    assert!(!parts.pairs.is_empty() && !parts.tensors.is_empty());
    assert_eq!(joined(&parts, counts(&parts)), SMALL);
    assert_eq!(super::parts(&SMALL[..60]), None);
}

#[test]
fn most_mutants_keep_their_header_and_differ() {
    let mutants: Vec<Vec<u8>> =
        (0..200).map(|seed| mutated_gguf(SMALL, &mut ChaCha8Rng::seed_from_u64(seed))).collect();
    let with_header = mutants.iter().filter(|mutant| has_header(mutant)).count();
    let others = mutants.iter().filter(|mutant| *mutant != SMALL).count();
    assert!(with_header > 180 && others > 170, "{with_header} {others}");
}

#[test]
fn names_end_where_they_say_or_with_the_entry() {
    let entry = [&3_u64.to_le_bytes()[..], b"keyvalue"].concat();
    assert_eq!(name_end(&entry), 11);
    assert_eq!(name_end(&u64::MAX.to_le_bytes()), 8);
    assert_eq!(name_end(b"short"), 5);
}
