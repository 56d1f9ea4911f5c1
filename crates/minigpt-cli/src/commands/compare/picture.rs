//! Perplexities of the compared models as bars.

use minigpt_eval::{ComparedModel, Measured, Metric, Quoted};
use minigpt_plot::{Bar, BarPanel};

/// Token and word perplexity of the models, with their intervals; quoted figures are pale and stand below.
pub(crate) fn panels(models: &[ComparedModel], quoted: &[Quoted]) -> [BarPanel; 2] {
    let panel = |caption, metric| {
        let measured = |model: &ComparedModel| match metric {
            Metric::Token => Some(model.token_perplexity),
            Metric::Word => model.word_perplexity,
        };
        let bar = |model: &ComparedModel| Some(of_measured(&model.model, measured(model)?));
        let mut bars: Vec<Bar> = models.iter().filter_map(bar).collect();
        bars.extend(quoted.iter().filter(|row| row.metric == metric).map(of_quoted));
        let remark = if bars.iter().any(|bar| bar.is_pale) {
            "logarithmic; lower is better; pale: quoted, on other texts and by other protocols"
        } else {
            "logarithmic; lower is better"
        };
        BarPanel { caption, remark, bars }
    };
    [panel("Perplexity per token", Metric::Token), panel("Perplexity per word", Metric::Word)]
}

fn of_measured(name: &str, measured: Measured) -> Bar {
    let Measured { value, low, high } = measured;
    let (name, label) = (name.to_owned(), perplexity(value));
    Bar { name, value, interval: low.zip(high), label, is_pale: false }
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
