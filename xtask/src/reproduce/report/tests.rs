use super::*;

#[test]
fn a_table_is_markdown() {
    let rows = [["a".to_owned(), "1".to_owned()]];
    assert_eq!(table(["x", "y"], &rows), "| x | y |\n|---|---|\n| a | 1 |\n");
}

#[test]
fn a_measured_figure_has_its_interval() {
    let with = Measured { value: 85.9, low: Some(84.0), high: Some(88.123) };
    assert_eq!(measured(&with, 2), "85.90 (84.00 – 88.12)");
    let without = Measured { value: 1.25, low: None, high: None };
    assert_eq!(measured(&without, 4), "1.2500");
}
