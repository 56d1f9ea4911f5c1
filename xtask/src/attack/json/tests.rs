use super::*;
use rand::SeedableRng;

#[test]
fn mostly_json_comes_out_and_mostly_another() {
    let json = br#"{"a": [1, 2, {"b": "text"}], "c": true, "d": null}"#;
    let whole: Value = serde_json::from_slice(json).unwrap();
    let mutants = (0..400).map(|seed| mutated(json, &mut ChaCha8Rng::seed_from_u64(seed)));
    let values = mutants.filter_map(|json| serde_json::from_slice::<Value>(&json?).ok());
    let others = values.filter(|value| *value != whole).count();
    assert!(others > 300, "{others}");
}

#[test]
fn what_is_no_json_is_left() {
    assert_eq!(mutated(b"text", &mut ChaCha8Rng::seed_from_u64(0)), None);
}
