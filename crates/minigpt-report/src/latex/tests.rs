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
