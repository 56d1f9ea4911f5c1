use super::*;
use rand::SeedableRng;

const SETTINGS: &[u8] =
    b"[model]\nn_layer = 2\nn_head = 4\n\n[data]\nsource = \"a.txt\"\nlossy = false\n";

#[test]
fn mostly_toml_comes_out_and_mostly_another() {
    assert!(has_header(SETTINGS));
    let mutants: Vec<Vec<u8>> =
        (0..400).map(|seed| mutated_toml(SETTINGS, &mut ChaCha8Rng::seed_from_u64(seed))).collect();
    let with_header = mutants.iter().filter(|mutant| has_header(mutant)).count();
    let others = mutants.iter().filter(|mutant| *mutant != SETTINGS).count();
    assert!(with_header > 260 && others > 350, "{with_header} {others}");
}

#[test]
fn what_is_no_toml_has_no_header() {
    for text in ["a", "[a", "a =", "\u{7} = 1", "x[0] = 1"] {
        assert!(!has_header(text.as_bytes()), "{text:?}");
    }
    assert!(!has_header(b"a = \xff"));
}
