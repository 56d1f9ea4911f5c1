use super::*;

#[test]
fn a_table_is_markdown() {
    let rows = [["a".to_owned(), "1".to_owned()]];
    assert_eq!(table(["x", "y"], &rows), "| x | y |\n|---|---|\n| a | 1 |\n");
}
