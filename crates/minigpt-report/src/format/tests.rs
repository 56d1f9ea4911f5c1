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
    for unknown in [f64::NAN, f64::INFINITY, 1e299] {
        assert_eq!(duration(unknown), "an unknown time");
    }
    assert_eq!(bytes(12_345), "12 KiB");
    assert_eq!(bytes(840 << 20), "840 MiB");
    assert_eq!(bytes(1_825_361_101), "1.7 GiB");
}
