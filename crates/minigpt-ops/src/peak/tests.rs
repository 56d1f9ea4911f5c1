use super::*;

#[test]
fn operations_grow_with_rounds() {
    for precision in [Precision::F32, Precision::Bf16] {
        let [once, more] = [1, 1000].map(|rounds| multiply_adds(precision, rounds));
        assert_eq!(once.is_some(), precision.is_native());
        assert!(once.is_none_or(|operations| operations > 0));
        assert_eq!(more, once.map(|operations| 1000 * operations));
    }
    assert_eq!(multiply_adds(Precision::F32, 0), Some(0));
}
