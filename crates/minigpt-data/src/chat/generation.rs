//! `{% generation %}`, transformers' mark in a template of what the assistant writes.

#[cfg(test)]
mod tests;

use minijinja::Environment;

use crate::Turn;

/// What stands in a marked text before and after what is generated: characters that are none, which no text has.
const START: char = '\u{fdd0}';
const END: char = '\u{fdd1}';

/// The filter that the tags become: a block of its own, which sees what it wrote.
const FILTER: &str = "generation";

/// Whether a text has the marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marks {
    /// No: it is what a model reads.
    Left,
    /// Yes.
    Written,
}

pub(super) fn add_to(environment: &mut Environment<'static>, marks: Marks) {
    environment.add_filter(FILTER, move |text: String| match marks {
        Marks::Left => text,
        Marks::Written => format!("{START}{text}{END}"),
    });
}

/// Whether a template has the tags.
pub(super) fn is_in(source: &str) -> bool {
    as_filters(source) != source
}

/// The template with blocks of a filter in place of the tags, whose white space is cut as theirs is.
pub(super) fn as_filters(source: &str) -> String {
    let (mut text, mut rest) = (String::with_capacity(source.len()), source);
    while let Some(at) = rest.find("{%") {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let Some(end) = rest.find("%}").map(|end| end + 2) else { break };
        let tag = &rest[..end];
        let name = tag[2..end - 2].trim_matches(['-', '+', ' ', '\t', '\n']);
        match name {
            "generation" => text.push_str(&tag.replacen(name, &format!("filter {FILTER}"), 1)),
            "endgeneration" => text.push_str(&tag.replacen(name, "endfilter", 1)),
            _ => text.push_str(tag),
        }
        rest = &rest[end..];
    }
    text + rest
}

/// The turns of a conversation, of which what is between marks is the model's.
pub(super) fn turns(plain: &str, marked: &str) -> Result<Vec<Turn>, String> {
    if plain.contains([START, END]) {
        return Err(format!(
            "the conversation has {} or {}, which are no characters, and mark what is generated",
            START.escape_unicode(),
            END.escape_unicode()
        ));
    }
    let within =
        || "{% generation %} within {% generation %}: expected one after the other".to_owned();
    let (mut turns, mut given, mut rest) = (Vec::new(), String::new(), marked);
    while let Some((before, after)) = rest.split_once(START) {
        let (answer, after) = after.split_once(END).ok_or_else(within)?;
        if answer.contains(START) {
            return Err(within());
        }
        given += before;
        // Marks around nothing say nothing.
        if !answer.is_empty() {
            let (given, answer) = (std::mem::take(&mut given), answer.to_owned());
            turns.push(Turn { given, answer, is_marked: true });
        }
        rest = after;
    }
    Ok(turns)
}
