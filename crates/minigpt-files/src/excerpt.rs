//! Text of others in a message of ours.

/// How much of a foreign text a message shows, in characters.
const LENGTH: usize = 200;

/// As much of a foreign text as fits a line of an error: its start, with control characters escaped
/// (`\n`, `\u{1b}`), and `…` where something is left out.
#[must_use]
pub fn excerpt(text: &str) -> String {
    let mut shown = String::new();
    for (number, character) in text.chars().enumerate() {
        if number == LENGTH {
            shown.push('…');
            break;
        }
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests;
