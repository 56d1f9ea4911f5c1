//! A report as Markdown, as GitHub and pandoc read it, with its pictures in a folder beside it.

use crate::document::{Block, Document, Picture, Span, Table, Text};
use crate::pictures::picture_file;

/// The text of the file.
pub(crate) fn markdown(document: &Document) -> String {
    let title = format!("# {}", escaped(&document.title));
    let blocks = document.blocks.iter().map(block);
    std::iter::once(title).chain(blocks).collect::<Vec<_>>().join("\n\n") + "\n"
}

fn block(block: &Block) -> String {
    match block {
        Block::Heading(text) => format!("## {}", escaped(text)),
        Block::Subheading(text) => format!("### {}", escaped(text)),
        Block::Paragraph(text) => spans(text),
        Block::Note(text) => format!("> {}", spans(text)),
        Block::List(items) => {
            items.iter().map(|item| format!("- {}", spans(item))).collect::<Vec<_>>().join("\n")
        }
        Block::Table(table) => of_table(table),
        Block::Picture(picture) => figure(picture),
        Block::Verbatim { label, text } => format!("**{}**\n\n{}", escaped(label), fenced(text)),
    }
}

/// Text of any origin as text of one line, none of which is markup.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' | '\r' => escaped.push(' '),
            c if c.is_control() => escaped.push(char::REPLACEMENT_CHARACTER),
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '~' | '$' | '&' | '!' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c => escaped.push(c),
        }
    }
    escaped
}

fn spans(text: &Text) -> String {
    let span = |span: &Span| match span {
        Span::Plain(text) => escaped(text),
        Span::Strong(text) => format!("**{}**", escaped(text)),
        Span::Code(text) => code(text),
    };
    text.spans.iter().map(span).collect()
}

/// Between more backticks than stand together in the text.
fn code(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let fence = "`".repeat(longest_run(&line) + 1);
    // A space beside a backtick, which is no part of the text.
    let space = if line.starts_with('`') || line.ends_with('`') { " " } else { "" };
    format!("{fence}{space}{line}{space}{fence}")
}

fn fenced(text: &str) -> String {
    let shown = |c: char| if c.is_control() && !"\n\t".contains(c) { '\u{fffd}' } else { c };
    let text: String = text.chars().map(shown).collect();
    let fence = "`".repeat(longest_run(&text).max(2) + 1);
    format!("{fence}text\n{}\n{fence}", text.trim_end_matches('\n'))
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

fn of_table(table: &Table) -> String {
    // Code in a cell too must not end it.
    let cell = |cell: &Text| match &cell.spans[..] {
        [Span::Code(text)] => code(text).replace('|', "\\|"),
        _ => spans(cell),
    };
    let row = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    let rule = (0..table.head.len()).map(|column| match table.is_numeric(column) {
        true => "---:".to_owned(),
        false => "---".to_owned(),
    });
    let mut lines = vec![format!("{}:", escaped(&table.caption)), String::new()];
    lines.push(row(table.head.iter().map(|name| escaped(name)).collect()));
    lines.push(row(rule.collect()));
    lines.extend(table.rows.iter().map(|cells| row(cells.iter().map(cell).collect())));
    lines.join("\n")
}

fn figure(picture: &Picture) -> String {
    let file = picture_file(picture, "png");
    format!("![{}]({file})\n\n*{}*", escaped(&picture.alt), escaped(&picture.caption))
}

#[cfg(test)]
mod tests;
