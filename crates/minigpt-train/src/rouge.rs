//! ROUGE-L of texts, by burn-train's metric.

use std::collections::HashMap;

use burn::data::dataloader::Progress;
use burn::tensor::{Device, Int, Tensor, TensorData};
use burn::train::metric::{Metric, MetricMetadata, Numeric, RougeLInput, RougeLScore};

use crate::error::TrainError;

/// What stands after the last word of a text that is shorter than the other.
const PADDING: i32 = 0;

/// The mean over the pairs of ROUGE-L's F1 ([Lin, 2004](https://aclanthology.org/W04-1013/)), in percent:
/// how much of the written and the expected text is a common subsequence of words.
///
/// Words are what Google's `rouge_score` takes for them: stretches of letters `a` to `z` and digits,
/// lower case, not stemmed.
///
/// # Errors
/// [`TrainError::Learner`] where burn's metric fails, which is not known to happen.
pub fn rouge_l<S: AsRef<str>>(written_and_expected: &[(S, S)]) -> Result<f64, TrainError> {
    let failed = |error: &dyn std::fmt::Display| TrainError::Learner(error.to_string());
    let items_total = written_and_expected.len();
    let progress = Progress { items_processed: 0, items_total, unit: None };
    let metadata = MetricMetadata { progress, iteration: None, lr: None };
    let mut metric = RougeLScore::new().with_pad_token(PADDING as usize);
    for (written, expected) in written_and_expected {
        let mut ids = HashMap::new();
        let mut pair = [written, expected].map(|text| numbered(text.as_ref(), &mut ids));
        // One more than the longer has, since the metric has no rows of nothing.
        let width = pair.iter().map(Vec::len).max().unwrap_or(0) + 1;
        pair.iter_mut().for_each(|ids| ids.resize(width, PADDING));
        let [outputs, targets] = pair.map(|ids| {
            Tensor::<2, Int>::from_data(TensorData::new(ids, [1, width]), &Device::flex())
        });
        let input = RougeLInput::new(outputs, targets);
        metric.update(&input, &metadata).map_err(|error| failed(&error))?;
    }
    Ok(metric.final_value().current())
}

/// The words of a text, a number from 1 on for each that is another.
fn numbered(text: &str, ids: &mut HashMap<String, i32>) -> Vec<i32> {
    let text = text.to_lowercase();
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let words = text.split(|c| !is_part(c)).filter(|word| !word.is_empty());
    words
        .map(|word| {
            let next = ids.len() as i32 + 1;
            *ids.entry(word.to_owned()).or_insert(next)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The figures of `rouge_score` 0.1.2, `rougeL` without stemming, times a hundred.
    #[test]
    fn it_is_the_figure_of_rouge_score() {
        let check = |written: &str, expected: &str, reference: f64| {
            let found = rouge_l(&[(written, expected)]).unwrap();
            assert!((found - reference).abs() < 1e-4, "{written:?}: {found}");
        };
        let fox = "The quick brown fox jumps over the lazy dog";
        check("The quick brown dog jumps on the log.", fox, 58.823529);
        check(fox, fox, 100.0);
        check("", fox, 0.0);
        check("nothing of it", fox, 0.0);
        check("It's 3 o'clock", "it is 3 o clock", 80.0);
        let both = [("", fox), (fox, fox), ("The quick brown dog jumps on the log.", fox)];
        assert!((rouge_l(&both).unwrap() - 158.823529 / 3.0).abs() < 1e-4);
    }
}
