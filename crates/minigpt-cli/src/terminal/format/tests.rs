use super::*;

#[test]
fn numbers_read_well() {
    assert_eq!(operations(3.04e10), "30.4 GFLOP");
    assert_eq!(operations(3.798e14), "379.8 TFLOP");
}

#[test]
fn one_of_something_is_one() {
    assert_eq!(
        [0, 1, 2, 7057].map(|number| counted(number, "passage")),
        ["0 passages", "1 passage", "2 passages", "7,057 passages"]
    );
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
