//! Foreign text in a message of one line.

/// Characters of foreign text that a message quotes.
const QUOTED: usize = 200;

/// The text, cut where it would fill a screen.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(QUOTED) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
    }
}

/// The text with its control characters escaped: other people's messages quote tokens as they are.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { line.extend(c.escape_default()) } else { line.push(c) }
    }
    line
}

/// Names of fields in brackets and quotes, sorted and cut.
pub(crate) fn listed<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> String {
    let mut names: Vec<S> = names.into_iter().collect();
    names.sort_unstable_by(|a, b| a.as_ref().cmp(b.as_ref()));
    let quoted: Vec<String> =
        names.iter().map(|name| format!("{:?}", shortened(name.as_ref()))).collect();
    format!("[{}]", shortened(&quoted.join(", ")))
}

#[cfg(test)]
mod tests;
