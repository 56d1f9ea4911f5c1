use super::*;
use rand::SeedableRng;

#[test]
fn damage_is_a_function_of_the_seed() {
    let of_seed = |seed| damaged(b"one 2 three", &mut ChaCha8Rng::seed_from_u64(seed));
    assert_eq!(of_seed(7), of_seed(7));
    let different = (0..100).filter(|seed| of_seed(*seed) != b"one 2 three").count();
    assert!(different > 90, "{different}");
}

#[test]
fn nothing_is_damaged_without_a_panic() {
    for seed in 0..200 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        damaged(b"", &mut random);
        damage_in_place(&mut [], &mut random);
    }
}

#[test]
fn written_numbers_become_extremes() {
    let mut bytes = b"{\"a\": 12}".to_vec();
    replace_written_number(&mut bytes, &mut ChaCha8Rng::seed_from_u64(0));
    let text = String::from_utf8(bytes).unwrap();
    let number = text.trim_start_matches("{\"a\": ").trim_end_matches('}');
    let number = number.trim_start_matches('-').parse::<u64>().unwrap();
    assert!(EXTREMES.contains(&number), "{text}");
}
