use super::*;

#[test]
fn numbers_read_well() {
    assert_eq!(grouped(0u32), "0");
    assert_eq!(grouped(999u32), "999");
    assert_eq!(grouped(1_234_567u64), "1,234,567");
    assert_eq!(decimals(81.336, 2), "81.34");
    assert_eq!(decimals(1399.84, 2), "1399.8");
    assert_eq!(decimals(123_456.7, 2), "123,457");
    assert_eq!(decimals(1e30, 2), "1.000e30");
    assert_eq!(duration(3.4), "3 s");
    assert_eq!(duration(245.0), "4 min 05 s");
    assert_eq!(duration(7620.0), "2 h 07 min");
    assert_eq!(bytes(12_345), "12 KiB");
    assert_eq!(bytes(840 << 20), "840 MiB");
    assert_eq!(bytes(1_825_361_101), "1.7 GiB");
    assert_eq!(operations(3.04e10), "30.4 GFLOP");
    assert_eq!(operations(3.798e14), "379.8 TFLOP");
}

#[test]
fn counts_and_times_are_short() {
    let counts = [7, 999, 1_118_720, 999_999, 12_345_678, 124_439_808, 1_711_376_384];
    let counts: Vec<String> = counts.into_iter().map(count).collect();
    assert_eq!(counts, ["7", "999", "1.12M", "1.00M", "12.3M", "124M", "1.71B"]);
    let past = [0, 59, 60, 3599, 3600, 86_399, 86_400, 9_000_000];
    let past: Vec<String> = past.map(|seconds| ago(Duration::from_secs(seconds))).into();
    let expected = ["0 s", "59 s", "1 min", "59 min", "1 h", "23 h", "1 d", "104 d"]
        .map(|time| format!("{time} ago"));
    assert_eq!(past, expected);
}
