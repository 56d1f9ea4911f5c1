//! The tables of a report in LaTeX, to be read by `\input`. They need no package.

use crate::document::{Block, Document, Span, Table, Text};

/// Columns whose cells are longer than this, in characters, are set in lines.
const LINE: usize = 32;

/// The text of the file.
pub(crate) fn tables(document: &Document) -> String {
    let tables = document.blocks.iter().filter_map(|block| match block {
        Block::Table(table) => Some(of_table(table)),
        _ => None,
    });
    let title = escaped(&document.title.replace(['\n', '\r'], " "));
    std::iter::once(format!("% {title}")).chain(tables).collect::<Vec<_>>().join("\n\n") + "\n"
}

fn of_table(table: &Table) -> String {
    let columns: Vec<String> = (0..table.head.len()).map(|column| kind(table, column)).collect();
    let row = |cells: Vec<String>| format!("{} \\\\", cells.join(" & "));
    let mut lines = vec![
        "\\begin{table}[htbp]".to_owned(),
        "\\centering\\small".to_owned(),
        format!("\\caption{{{}}}", escaped(&table.caption)),
        format!("\\begin{{tabular}}{{{}}}", columns.concat()),
        "\\hline".to_owned(),
        row(table.head.iter().map(|name| escaped(name)).collect()),
        "\\hline".to_owned(),
    ];
    lines.extend(table.rows.iter().map(|cells| row(cells.iter().map(spans).collect())));
    lines.extend(["\\hline", "\\end{tabular}", "\\end{table}"].map(str::to_owned));
    lines.join("\n")
}

/// Numbers on the right, names on the left, sentences in lines.
fn kind(table: &Table, column: usize) -> String {
    if table.is_numeric(column) {
        return "r".to_owned();
    }
    let length = |cell: &Text| spans(cell).chars().count();
    let longest = table.rows.iter().filter_map(|row| row.get(column)).map(length).max();
    match longest {
        Some(longest) if longest > LINE => {
            // All columns together stay within the text's width.
            let hundredths = (90.0 / table.head.len() as f64).floor().min(40.0);
            format!("p{{{}\\textwidth}}", hundredths / 100.0)
        }
        _ => "l".to_owned(),
    }
}

fn spans(text: &Text) -> String {
    let span = |span: &Span| match span {
        Span::Plain(text) => escaped(text),
        Span::Strong(text) => format!("\\textbf{{{}}}", escaped(text)),
        Span::Code(text) => format!("\\texttt{{{}}}", escaped(text)),
    };
    text.spans.iter().map(span).collect()
}

/// Text of any origin as text of LaTeX, none of which is a command.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => escaped += "\\textbackslash{}",
            '~' => escaped += "\\textasciitilde{}",
            '^' => escaped += "\\textasciicircum{}",
            // Others in LaTeX's oldest encoding of fonts.
            '"' => escaped += "''",
            '<' | '>' | '|' => {
                escaped.extend(['$', c, '$']);
            }
            '–' => escaped += "--",
            '\u{a0}' => escaped.push('~'),
            // A row that begins with one would be an argument of the end of the row before it.
            '[' | '*' => escaped.extend(['{', c, '}']),
            '{' | '}' | '$' | '&' | '#' | '%' | '_' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
