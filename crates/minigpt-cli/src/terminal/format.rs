//! Numbers as people read them.

pub(crate) use minigpt_report::format::{bytes, decimals, duration, grouped};

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
