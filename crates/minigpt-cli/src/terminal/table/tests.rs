use super::*;

#[test]
fn columns_are_aligned() {
    let rows = [vec!["model", "bits"], vec!["a", "1.8"], vec!["b|c", "12.25"]];
    let rows = rows.map(|row| row.into_iter().map(str::to_owned).collect::<Vec<_>>());
    assert_eq!(text(&rows), "model   bits\na        1.8\nb|c    12.25\n");
    assert_eq!(markdown(&rows), "| model | bits |\n|---|--:|\n| a | 1.8 |\n| b\\|c | 12.25 |\n");
}

fn table(width: Option<usize>) -> String {
    let columns = [Column::left("name"), Column::right("size"), Column::left("from").leaves(1)];
    let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
    let rows = [row(["austen", "12", "a-long-file.txt"]), row(["b", "7", "x"])];
    fitted(&columns, &rows, width)
}

#[test]
fn a_table_is_made_to_fit() {
    let whole = "name    size  from\nausten    12  a-long-file.txt\nb          7  x\n";
    assert_eq!(table(None), whole);
    assert_eq!(table(Some(29)), whole);
    let shorter = "name    size  from\nausten    12  a-lo….txt\nb          7  x\n";
    assert_eq!(table(Some(23)), shorter);
    assert_eq!(table(Some(20)), "name    size\nausten    12\nb          7\n");
    // No column is left that could leave.
    assert_eq!(table(Some(3)), table(Some(20)));
}
