//! Characters of the command line that cannot be typed.

/// A string with its escapes replaced: `\n`, `\t`, `\r` and `\\`.
pub(crate) fn unescaped(text: &str) -> Result<String, String> {
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        plain.push(match characters.next() {
            Some('n') => '\n',
            Some('t') => '\t',
            Some('r') => '\r',
            Some('\\') => '\\',
            other => {
                let found: String = other.into_iter().collect();
                return Err(format!("unknown escape \\{found}: expected \\n, \\t, \\r or \\\\"));
            }
        });
    }
    match plain.is_empty() {
        true => Err("an empty string: expected some characters".to_owned()),
        false => Ok(plain),
    }
}

#[cfg(test)]
mod tests;
