//! Numbers with a unit, as people type them.

use std::time::Duration;

/// Powers of a thousand.
const COUNTS: [(&str, f64); 5] = [("", 1.0), ("k", 1e3), ("m", 1e6), ("b", 1e9), ("g", 1e9)];

/// Powers of 1024, and of a thousand where there is no `i`.
const BYTES: [(&str, f64); 8] = [
    ("kib", 1024.0),
    ("mib", 1_048_576.0),
    ("gib", 1_073_741_824.0),
    ("tib", 1_099_511_627_776.0),
    ("kb", 1e3),
    ("mb", 1e6),
    ("gb", 1e9),
    ("tb", 1e12),
];

const SECONDS: [(&str, f64); 6] =
    [("s", 1.0), ("m", 60.0), ("min", 60.0), ("h", 3600.0), ("d", 86_400.0), ("w", 604_800.0)];

/// `124M`, `1.5B` or `250000`.
pub(crate) fn count(text: &str) -> Result<u64, String> {
    Ok(number(text, &COUNTS, "as 124M or 1.5B")? as u64)
}

/// `8GiB` or `500MB`.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    Ok(number(text, &BYTES, "as 8GiB or 500MB")? as u64)
}

/// `90s`, `30min`, `2h` or `1.5d`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let expected = "as 30min or 2h";
    let seconds = number(text, &SECONDS, expected)?;
    Duration::try_from_secs_f64(seconds).map_err(|_| format!("expected a time {expected}"))
}

fn number(text: &str, units: &[(&str, f64)], expected: &str) -> Result<f64, String> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let unit = unit.trim().to_lowercase();
    let factor = units.iter().find(|(name, _)| *name == unit).map(|(_, factor)| factor);
    let value = digits.parse::<f64>().ok().zip(factor).map(|(number, factor)| number * factor);
    let value = value.filter(|value| *value >= 1.0 && *value < u64::MAX as f64);
    value.ok_or_else(|| format!("expected a number of at least 1 with its unit, {expected}"))
}

#[cfg(test)]
mod tests;
