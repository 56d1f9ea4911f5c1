//! Numbers as people read them.

use std::time::Duration;

pub(crate) use minigpt_report::format::{bytes, decimals, duration, grouped};

/// So many of something, as `1 text` or `7,057 passages`.
pub(crate) fn counted(number: usize, what: &str) -> String {
    format!("{} {what}{}", grouped(number as u64), if number == 1 { "" } else { "s" })
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
