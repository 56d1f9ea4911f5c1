use super::*;

#[test]
fn numbers_read_well() {
    assert_eq!(operations(3.04e10), "30.4 GFLOP");
    assert_eq!(operations(3.798e14), "379.8 TFLOP");
}
