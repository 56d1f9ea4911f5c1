use super::*;

#[test]
fn a_floor_is_that_of_the_precision_that_the_processor_has() {
    let json = r#"{"f32_gflop_per_second": 500.0, "bf16_gflop_per_second": 1000.0,
        "round_trip_nanoseconds": 55.0}"#;
    let both: Peak = serde_json::from_str(json).unwrap();
    assert_eq!(both.round_trip_nanoseconds, Some(55.0));
    assert_eq!([false, true].map(|is_bf16| both.floor_seconds(1e11, is_bf16)), [0.2, 0.1]);
    let f32_alone = Peak { bf16_gflop_per_second: None, ..both };
    assert_eq!([false, true].map(|is_bf16| f32_alone.floor_seconds(1e11, is_bf16)), [0.2, 0.2]);
}
