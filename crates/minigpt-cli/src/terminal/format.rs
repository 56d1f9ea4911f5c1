//! Numbers as people read them.

use std::time::Duration;

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(number: impl Into<u128>) -> String {
    let digits = number.into().to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with so many decimals, fewer where it is large, and its thousands grouped.
pub(crate) fn decimals(value: f64, places: usize) -> String {
    match value {
        value if !value.is_finite() => value.to_string(),
        ..100.0 => format!("{value:.places$}"),
        ..10_000.0 => format!("{value:.1}"),
        ..1e15 => grouped(value.round() as u64),
        _ => format!("{value:.3e}"),
    }
}

/// Seconds as `3 s`, `4 min 05 s` or `2 h 07 min`.
pub(crate) fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds:02} s"),
        (hours, minutes, _) => format!("{hours} h {minutes:02} min"),
    }
}

/// Bytes as `12 KiB`, `840 MiB` or `1.7 GiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    let kib = bytes as f64 / 1024.0;
    match kib {
        ..1000.0 => format!("{kib:.0} KiB"),
        ..1_024_000.0 => format!("{:.0} MiB", kib / 1024.0),
        _ => format!("{:.1} GiB", kib / 1024.0 / 1024.0),
    }
}

/// A large number with three digits, as `1.12M` or `124M`.
pub(crate) fn count(number: u64) -> String {
    let units = [(1e9, "B"), (1e6, "M"), (1e3, "k")];
    let number = number as f64;
    // What would be rounded to a thousand of a unit is one of the next.
    let unit = units.into_iter().find(|(unit, _)| number >= unit * 0.9995);
    let Some((unit, name)) = unit else { return number.to_string() };
    match number / unit {
        value if value < 9.995 => format!("{value:.2}{name}"),
        value if value < 99.95 => format!("{value:.1}{name}"),
        value => format!("{value:.0}{name}"),
    }
}

/// How long something is past, as `3 min ago`.
pub(crate) fn ago(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 86_400, seconds / 3600, seconds / 60) {
        (0, 0, 0) => format!("{seconds} s ago"),
        (0, 0, minutes) => format!("{minutes} min ago"),
        (0, hours, _) => format!("{hours} h ago"),
        (days, ..) => format!("{days} d ago"),
    }
}

/// Floating-point operations in a unit that leaves some digits before the point.
pub(crate) fn operations(operations: f64) -> String {
    let (unit, name) = if operations < 1e12 { (1e9, "GFLOP") } else { (1e12, "TFLOP") };
    format!("{:.1} {name}", operations / unit)
}

/// A word perplexity in a list of figures; a text without spaces has none.
pub(crate) fn word_perplexity(perplexity: Option<f64>) -> String {
    perplexity.map(|perplexity| format!("word perplexity {perplexity:.1}, ")).unwrap_or_default()
}

#[cfg(test)]
mod tests;
