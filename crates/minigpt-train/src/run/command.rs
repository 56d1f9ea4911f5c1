//! Command lines, as a shell reads them.

/// A word of a command line: in quotes where a shell would take it apart.
#[must_use]
pub fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// The command that a process was started with, with the program's name in place of where it was. `None` without words
/// behind that.
#[must_use]
pub fn command_line(words: &[String]) -> Option<String> {
    let (_, words) = words.split_first().filter(|(_, words)| !words.is_empty())?;
    let words: Vec<String> = words.iter().map(|word| shell_word(word)).collect();
    Some(format!("minigpt {}", words.join(" ")))
}

#[cfg(test)]
mod tests;
