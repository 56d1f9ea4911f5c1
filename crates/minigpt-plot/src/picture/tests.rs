use super::number;

#[test]
fn a_number_has_the_decimals_that_its_axis_needs() {
    assert_eq!(number(3.1234, 4.0), "3.1");
    assert_eq!(number(3.1234, 0.4), "3.12");
    assert_eq!(number(250.0, 300.0), "250");
    assert_eq!(number(0.0, 3e-3), "0");
    assert_eq!(number(3e-4, 3e-3), "3.0e-4");
    assert_eq!(number(2_448_384.0, 3e6), "2.4M");
    assert_eq!(number(51_200.0, 60_000.0), "51k");
}
