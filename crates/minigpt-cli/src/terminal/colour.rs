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
mod tests {
    use super::coloured;

    #[test]
    fn the_colour_tells_the_probability() {
        assert_eq!(coloured("the", None), "the");
        let code = |probability: f64| coloured("x", Some(probability.ln()));
        assert_eq!(code(0.9), "\u{1b}[32mx\u{1b}[0m");
        assert_eq!(code(0.2), "\u{1b}[33mx\u{1b}[0m");
        assert_eq!(code(0.01), "\u{1b}[31mx\u{1b}[0m");
    }
}
