//! Recorded attention as a page for a browser.

use std::path::Path;

use serde::Serialize;

use crate::attention::{AttentionMap, AttentionStep};
use crate::error::TextError;

#[derive(Serialize)]
struct Page<'a> {
    title: &'a str,
    steps: Vec<PageStep<'a>>,
}

#[derive(Serialize)]
struct PageStep<'a> {
    tokens: Vec<String>,
    chosen: String,
    maps: &'a [AttentionMap],
}

/// Writes an HTML page of the steps, complete in itself, that tells every weight under the pointer;
/// `label` names a token.
///
/// # Errors
/// [`TextError::Io`].
pub fn write_attention_page(
    path: &Path,
    title: &str,
    steps: &[AttentionStep],
    label: impl Fn(u32) -> String,
) -> Result<(), TextError> {
    Ok(minigpt_files::write(path, page(title, steps, label)?)?)
}

fn page(
    title: &str,
    steps: &[AttentionStep],
    label: impl Fn(u32) -> String,
) -> Result<String, TextError> {
    let mut page = Page { title, steps: Vec::new() };
    for AttentionStep { tokens, chosen, maps } in steps {
        let tokens = tokens.iter().map(|id| label(*id)).collect();
        page.steps.push(PageStep { tokens, chosen: label(*chosen), maps });
    }
    let json = serde_json::to_string(&page).map_err(std::io::Error::other)?;
    // Nothing that a token says may end the script.
    let json = json.replace("</", "<\\/").replace("<!--", "<\\u0021--");
    Ok(include_str!("../assets/attention.html").replace("/*DATA*/null", &json))
}

#[cfg(test)]
mod tests;
