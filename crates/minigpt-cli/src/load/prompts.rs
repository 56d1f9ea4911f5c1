//! Prompts as people give them, and what is worth saying about them.

use std::path::Path;

use anyhow::Result;
use minigpt_data::Tokenizer;
use minigpt_files::{Limit, read_text};
use minigpt_text::Prompt;

use crate::terminal::format::grouped;
use crate::terminal::output::say;

/// A hundred thousand prompts of a paragraph each.
const PROMPTS: Limit = Limit::new(64 << 20, "a file of prompts");

/// The prompts of a file, one a line, without empty lines and a byte order mark.
pub(crate) fn read(path: &Path) -> Result<Vec<String>> {
    let text = read_text(path, PROMPTS)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    Ok(lines(text).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

/// The lines of a text, which end in `\n`, `\r\n` or, as on old Macs, all in `\r`.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = &str> {
    let end = if text.contains('\n') { '\n' } else { '\r' };
    text.split(end).map(|line| line.strip_suffix('\r').unwrap_or(line))
}

/// Says which prompts a model with this context does not read as a whole.
pub(crate) fn say_left_out(prompts: &[Prompt], context: usize) {
    let tokens = prompts.iter().map(|prompt| prompt.ids().len());
    let long: Vec<usize> = tokens.filter(|tokens| *tokens > context).collect();
    match long[..] {
        [] => {}
        [tokens] => say(format_args!(
            "warning: the prompt has {} tokens and the model's context is {context}: its first {} are left \
             out",
            grouped(tokens as u64),
            grouped((tokens - context) as u64),
        )),
        _ => say(format_args!(
            "warning: {} prompts have more tokens than the model's context of {context}: their starts are \
             left out",
            long.len(),
        )),
    }
}

/// Says where a prompt ends in a space that the tokenizer has in front of the next word instead.
pub(crate) fn say_trailing_space(prompts: &[String], tokenizer: &Tokenizer) {
    let ends_in_space = prompts.iter().any(|prompt| prompt.ends_with(' '));
    // Small tokenizers join a space with the most frequent letters only.
    let joins =
        |letter: char| tokenizer.encode(&format!(" {letter}")).is_ok_and(|ids| ids.len() == 1);
    if ends_in_space && ('a'..='z').any(joins) {
        say(
            "hint: the prompt ends in a space, and this tokenizer's words begin with theirs: the model goes \
             on better without it",
        );
    }
}

#[cfg(test)]
mod tests;
