//! Colours by probability.

use anstyle::{AnsiColor, Style};

/// A token's text in the colour of its probability: green from a half, yellow from a tenth, red below;
/// plain where none is known.
pub(crate) fn coloured(text: &str, log_probability: Option<f64>) -> String {
    let style = match log_probability.map(f64::exp) {
        None => Style::new(),
        Some(probability) if probability >= 0.5 => AnsiColor::Green.on_default(),
        Some(probability) if probability >= 0.1 => AnsiColor::Yellow.on_default(),
        Some(_) => AnsiColor::Red.on_default(),
    };
    format!("{style}{text}{style:#}")
}

#[cfg(test)]
mod tests;
