use super::packed_numbers;

#[test]
fn packed_numbers_are_counted_and_passed() {
    // Parquet's own example: 1 to 5 in a block of 128 in 4 parts, all differences 1.
    let five = [128, 1, 4, 5, 2, 2, 0, 0, 0, 0, 7];
    assert_eq!(packed_numbers(&five), Some((5, &five[10..])));
    // One number has no block.
    assert_eq!(packed_numbers(&[128, 1, 4, 1, 2, 7]), Some((1, &[7][..])));
    for damaged in [&five[..8], &[128, 1, 0, 5, 2], &[0, 4, 5, 2, 2], &[255; 20], &[]] {
        assert_eq!(packed_numbers(damaged), None);
    }
}
