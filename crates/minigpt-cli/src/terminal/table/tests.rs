use super::*;

#[test]
fn columns_are_aligned() {
    let rows = [vec!["model", "bits"], vec!["a", "1.8"], vec!["b|c", "12.25"]];
    let rows = rows.map(|row| row.into_iter().map(str::to_owned).collect::<Vec<_>>());
    assert_eq!(text(&rows), "model   bits\na        1.8\nb|c    12.25\n");
    assert_eq!(markdown(&rows), "| model | bits |\n|---|--:|\n| a | 1.8 |\n| b\\|c | 12.25 |\n");
}
