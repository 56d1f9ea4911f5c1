//! What the compared models reach, as bars.

use minigpt_eval::{ComparedModel, Measured, Metric, Quoted};
use minigpt_plot::{Bar, BarPanel};

/// Token and word perplexity of the models, with their intervals; quoted figures are pale and stand below. Models with
/// tokenizers of their own have tokens of different lengths: bits per byte take the place of their token perplexity.
pub(crate) fn panels(
    models: &[ComparedModel],
    are_tokens_alike: bool,
    quoted: &[Quoted],
) -> [BarPanel; 2] {
    let of_tokens = if are_tokens_alike {
        let bars = bars(models, |model| Some(model.token_perplexity), perplexity);
        panel("Perplexity per token", bars, quoted.iter().filter(|row| row.metric == Metric::Token))
    } else {
        let bars = bars(models, |model| Some(model.bits_per_byte), |bits| format!("{bits:.3}"));
        panel("Bits per byte", bars, [])
    };
    let bars = bars(models, |model| model.word_perplexity, perplexity);
    let of_words = quoted.iter().filter(|row| row.metric == Metric::Word);
    [of_tokens, panel("Perplexity per word", bars, of_words)]
}

fn panel<'a>(
    caption: &'static str,
    mut bars: Vec<Bar>,
    quoted: impl IntoIterator<Item = &'a Quoted>,
) -> BarPanel {
    bars.extend(quoted.into_iter().map(of_quoted));
    let remark = if bars.iter().any(|bar| bar.is_pale) {
        "logarithmic; lower is better; pale: quoted, on other texts and by other protocols"
    } else {
        "logarithmic; lower is better"
    };
    BarPanel { caption, remark, bars }
}

fn bars(
    models: &[ComparedModel],
    figure: fn(&ComparedModel) -> Option<Measured>,
    label: fn(f64) -> String,
) -> Vec<Bar> {
    let bar = |model: &ComparedModel| {
        let Measured { value, low, high } = figure(model)?;
        let (name, label) = (model.model.clone(), label(value));
        Some(Bar { name, value, interval: low.zip(high), label, is_pale: false })
    };
    models.iter().filter_map(bar).collect()
}

fn of_quoted(row: &Quoted) -> Bar {
    let label = if row.low == row.high {
        format!("{} ({})", row.low, row.by)
    } else {
        format!("{}–{} ({})", row.low, row.high, row.by)
    };
    let interval = (row.low != row.high).then_some((row.low, row.high));
    let value = (row.low * row.high).sqrt();
    Bar { name: row.model.to_owned(), value, interval, label, is_pale: true }
}

/// With as many digits as are worth reading.
fn perplexity(value: f64) -> String {
    match value {
        ..100.0 => format!("{value:.2}"),
        ..10_000.0 => format!("{value:.1}"),
        _ => format!("{value:.2e}"),
    }
}

#[cfg(test)]
mod tests;
