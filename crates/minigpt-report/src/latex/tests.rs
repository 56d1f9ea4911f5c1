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
