use super::*;

#[test]
fn tables_alone_are_written_and_nothing_in_them_is_a_command() {
    let mut document = Document { title: "a\n\\input{b}".to_owned(), ..Document::default() };
    document.paragraph("not a table");
    let head = ["name", "50 %"].map(str::to_owned).to_vec();
    let row = vec![Text::default().code("a_b & \\x{y}^~#$"), "1 – 2".into()];
    document.table("C_1 <b>", head, vec![row]);
    let expected = r"% a \textbackslash{}input\{b\}

\begin{table}[htbp]
\centering\small
\caption{C\_1 $<$b$>$}
\begin{tabular}{p{0.4\textwidth}r}
\hline
name & 50 \% \\
\hline
\texttt{a\_b \& \textbackslash{}x\{y\}\textasciicircum{}\textasciitilde{}\#\$} & 1 -- 2 \\
\hline
\end{tabular}
\end{table}
";
    assert_eq!(tables(&document), expected);
}

#[test]
fn no_row_is_an_argument_of_the_end_of_the_row_before_it() {
    let mut document = Document::default();
    let rows = ["a", "[x]", "*"].map(|label| vec![label.into(), "1".into()]).to_vec();
    document.table("C", ["label", "count"].map(str::to_owned).to_vec(), rows);
    let tables = tables(&document);
    assert!(tables.contains("a & 1 \\\\\n{[}x] & 1 \\\\\n{*} & 1 \\\\\n"), "{tables}");
}

#[test]
fn columns_of_sentences_fit_the_page_together() {
    let cells =
        |count: usize| vec![Text::from("a sentence of more than thirty-two characters"); count];
    for columns in 1..=9 {
        let head = (0..columns).map(|column| format!("column {column}")).collect();
        let mut document = Document::default();
        document.table("a caption", head, vec![cells(columns)]);
        let tables = tables(&document);
        let widths = tables.split("p{").skip(1).map(|rest| rest.split('\\').next().unwrap());
        let sum: f64 = widths.map(|width| width.parse::<f64>().unwrap()).sum();
        assert!(sum > 0.35 && sum <= 0.901, "{columns} columns take {sum} of the width");
    }
}
