//! ROUGE-L of texts.

/// The mean over the pairs of ROUGE-L's F1 ([Lin, 2004](https://aclanthology.org/W04-1013/)), in percent:
/// how much of the written and the expected text is a common subsequence of words.
///
/// Words are what Google's `rouge_score` takes for them: stretches of letters `a` to `z` and digits,
/// lower case, not stemmed.
pub fn rouge_l<S: AsRef<str>>(written_and_expected: &[(S, S)]) -> f64 {
    let f1 = |(written, expected): &(S, S)| {
        100.0 * f1(&words(written.as_ref()), &words(expected.as_ref()))
    };
    written_and_expected.iter().map(f1).sum::<f64>() / written_and_expected.len() as f64
}

/// The harmonic mean of the parts of either text that are in the longest common subsequence; 1 for two texts
/// without words.
fn f1(written: &[String], expected: &[String]) -> f64 {
    if written.is_empty() && expected.is_empty() {
        return 1.0;
    }
    let common = common(written, expected) as f64;
    let (precision, recall) = (common / written.len() as f64, common / expected.len() as f64);
    let f1 = 2.0 * precision * recall / (precision + recall);
    if common > 0.0 { f1 } else { 0.0 }
}

/// Length of the longest common subsequence, row by row of its table.
fn common(a: &[String], b: &[String]) -> usize {
    let mut row = vec![0; b.len() + 1];
    for x in a {
        let mut diagonal = 0;
        for (index, y) in b.iter().enumerate() {
            let above = row[index + 1];
            row[index + 1] = if x == y { diagonal + 1 } else { above.max(row[index]) };
            diagonal = above;
        }
    }
    row[b.len()]
}

/// The words of a text.
fn words(text: &str) -> Vec<String> {
    let text = text.to_lowercase();
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let words = text.split(|c| !is_part(c)).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
