//! A report as one page of HTML that needs nothing beside it.

use std::fmt::Write;
use std::io::{ErrorKind, Result};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::document::{Block, Document, Picture, Span, Table, Text};
use crate::pictures::{PICTURE, picture_file};

const STYLE: &str = include_str!("../assets/report.css");

/// Nothing of a page that others' files went into may load or run anything.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

/// Rows of a table that stay on one page of paper.
const ROWS_TOGETHER: usize = 18;

/// The page; the pictures are those in `folder`.
pub(crate) fn html(document: &Document, folder: &Path) -> Result<String> {
    let title = escaped(&document.title);
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n"
    );
    for block in &document.blocks {
        page += &match block {
            Block::Heading(text) => format!("<h2>{}</h2>\n", escaped(text)),
            Block::Subheading(text) => format!("<h3>{}</h3>\n", escaped(text)),
            Block::Paragraph(text) => format!("<p>{}</p>\n", spans(text)),
            Block::Note(text) => format!("<p class=\"note\">{}</p>\n", spans(text)),
            Block::List(items) => list(items),
            Block::Table(table) => of_table(table),
            Block::Picture(picture) => figure(picture, folder)?,
            Block::Verbatim { label, text } => format!(
                "<div class=\"together\">\n<p><strong>{}</strong></p>\n<pre>{}</pre>\n</div>\n",
                escaped(label),
                escaped(text)
            ),
        };
    }
    page += "</main>\n</body>\n</html>\n";
    Ok(page)
}

/// Text of any origin as text of a page: none of it is an element or ends an attribute.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            '\n' | '\t' => escaped.push(c),
            // Not allowed in HTML, and can do anything to a terminal.
            c if c.is_control() => escaped.push(char::REPLACEMENT_CHARACTER),
            c => escaped.push(c),
        }
    }
    escaped
}

fn spans(text: &Text) -> String {
    let span = |span: &Span| match span {
        Span::Plain(text) => escaped(text),
        Span::Strong(text) => format!("<strong>{}</strong>", escaped(text)),
        Span::Code(text) => format!("<code>{}</code>", escaped(text)),
    };
    text.spans.iter().map(span).collect()
}

fn list(items: &[Text]) -> String {
    let items: String = items.iter().map(|item| format!("<li>{}</li>\n", spans(item))).collect();
    format!("<ul>\n{items}</ul>\n")
}

fn of_table(table: &Table) -> String {
    let class = |column| if table.is_numeric(column) { " class=\"number\"" } else { "" };
    let caption = escaped(&table.caption);
    // On a narrow screen it is moved by itself, with the keyboard too.
    let mut text = format!(
        "<div class=\"wide\" role=\"region\" aria-label=\"{caption}\" tabindex=\"0\">\n<table"
    );
    if table.rows.len() <= ROWS_TOGETHER {
        text += " class=\"together\"";
    }
    // Writing into a string cannot fail.
    let _ = write!(text, ">\n<caption>{caption}</caption>\n<thead>\n<tr>");
    for (column, name) in table.head.iter().enumerate() {
        let _ = write!(text, "<th scope=\"col\"{}>{}</th>", class(column), escaped(name));
    }
    text += "</tr>\n</thead>\n<tbody>\n";
    for row in &table.rows {
        text += "<tr>";
        for (column, cell) in row.iter().enumerate() {
            let cell = spans(cell);
            let _ = match column {
                0 => write!(text, "<th scope=\"row\">{cell}</th>"),
                _ => write!(text, "<td{}>{cell}</td>", class(column)),
            };
        }
        text += "</tr>\n";
    }
    text + "</tbody>\n</table>\n</div>\n"
}

fn figure(picture: &Picture, folder: &Path) -> Result<String> {
    let read = |ending| minigpt_files::read(&folder.join(picture_file(picture, ending)), PICTURE);
    let (kind, bytes) = match picture.is_vector.then(|| read("svg")) {
        // Of very many points the pixels have fewer bytes.
        Some(Err(error)) if error.kind() == ErrorKind::FileTooLarge => ("image/png", read("png")?),
        Some(bytes) => ("image/svg+xml", bytes?),
        None => ("image/png", read("png")?),
    };
    let bytes = STANDARD.encode(bytes);
    let (alt, caption) = (escaped(&picture.alt), escaped(&picture.caption));
    Ok(format!(
        "<figure>\n<img alt=\"{alt}\" src=\"data:{kind};base64,{bytes}\">\n\
         <figcaption>{caption}</figcaption>\n</figure>\n"
    ))
}

#[cfg(test)]
mod tests;
