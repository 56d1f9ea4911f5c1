//! Numbers as people read them.

/// `1234567` as `1,234,567`.
pub fn grouped(number: impl Into<u128>) -> String {
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
#[must_use]
pub fn decimals(value: f64, places: usize) -> String {
    match value {
        value if !value.is_finite() => value.to_string(),
        ..100.0 => format!("{value:.places$}"),
        ..10_000.0 => format!("{value:.1}"),
        ..1e15 => grouped(value.round() as u64),
        _ => format!("{value:.3e}"),
    }
}

/// Seconds as `3 s`, `4 min 05 s` or `2 h 07 min`; what is NaN or longer than anybody waits is unknown.
#[must_use]
pub fn duration(seconds: f64) -> String {
    /// Three thousand years.
    const MOST: f64 = 1e11;
    if seconds.is_nan() || seconds >= MOST {
        return "an unknown time".to_owned();
    }
    let seconds = seconds.max(0.0).round() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds:02} s"),
        (hours, minutes, _) => format!("{hours} h {minutes:02} min"),
    }
}

/// Bytes as `12 KiB`, `840 MiB` or `1.7 GiB`.
#[must_use]
pub fn bytes(bytes: u64) -> String {
    let kib = bytes as f64 / 1024.0;
    match kib {
        ..1000.0 => format!("{kib:.0} KiB"),
        ..1_024_000.0 => format!("{:.0} MiB", kib / 1024.0),
        _ => format!("{:.1} GiB", kib / 1024.0 / 1024.0),
    }
}

#[cfg(test)]
mod tests;
