//! Mistakes in TOML that mostly leave it TOML: in lines of sections, and of keys with their values.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::damage::damaged;

/// What may stand in a value's place.
const VALUES: [&str; 22] = [
    "0",
    "-1",
    "1",
    "0.5",
    "-0.0",
    "1e308",
    "1e-320",
    "nan",
    "-inf",
    "4294967296",
    "9223372036854775807",
    "99999999999999999999",
    "true",
    "\"\"",
    "\"text\"",
    "\"/dev/zero\"",
    "\"\\u001b[2J\\u0000\"",
    "'''\n'''",
    "[]",
    "[[1], {}]",
    "{ a = 1 }",
    "1979-05-27T07:32:00Z",
];

/// A copy with one or two mistakes.
pub(crate) fn mutated_toml(toml: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(toml) else { return damaged(toml, random) };
    if random.random_range(0..5) == 0 {
        return damaged(toml, random);
    }
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for _ in 0..random.random_range(1..=2) {
        if lines.is_empty() {
            break;
        }
        let [at, other] = [0; 2].map(|_| random.random_range(0..lines.len()));
        match random.random_range(0..10) {
            0 => drop(lines.remove(at)),
            1 => lines.insert(at, lines[other].clone()),
            2 => lines.swap(at, other),
            3 => lines[at] = format!("unknown_{}", lines[at]),
            4 => lines[at] = lines[at].repeat(1 << random.random_range(0..12)),
            _ => {
                // Most lines have a key; of the others a section is left out.
                let value = VALUES[random.random_range(0..VALUES.len())];
                let key = lines[at].split(" = ").next().unwrap_or_default();
                lines[at] =
                    if key == lines[at] { String::new() } else { format!("{key} = {value}") };
            }
        }
    }
    lines.join("\n").into_bytes()
}

/// Whether each line of a text is one of a section, or of a key with a value.
pub(crate) fn has_header(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let is_key = |key: &str| key.chars().all(|c| c.is_ascii_alphanumeric() || "_-. ".contains(c));
    let is_line = |line: &str| match line.split_once('=') {
        Some((key, value)) => is_key(key) && !value.trim().is_empty(),
        None => line.trim().is_empty() || line.starts_with('[') && line.ends_with(']'),
    };
    text.lines().all(is_line)
}

#[cfg(test)]
mod tests;
