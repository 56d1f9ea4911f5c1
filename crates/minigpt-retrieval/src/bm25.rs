//! BM25, the score of a passage for a question.

/// Term-frequency saturation: the larger, the more repeats count.
const K1: f64 = 1.2;

/// Length normalisation, from 0 (off) to 1 (full).
const B: f64 = 0.75;

/// BM25 ([Robertson and Zaragoza, 2009](https://doi.org/10.1561/1500000019), section 3.4) of a collection of
/// passages. What a passage scores for a question is the sum over the question's terms of
///
/// ```text
///                                 count · (k1 + 1)
/// idf(term) · ─────────────────────────────────────────────────────
///             count + k1 · (1 − b + b · length / mean length)
/// ```
///
/// where `count` is how often the term is in the passage, and `length` the number of all its terms.
pub(crate) struct Bm25 {
    passages: f64,
    mean_length: f64,
}

impl Bm25 {
    /// Of passages with these lengths.
    pub(crate) fn new(lengths: impl ExactSizeIterator<Item = u64>) -> Self {
        let passages = lengths.len() as f64;
        let terms: f64 = lengths.map(|length| length as f64).sum();
        Self { passages, mean_length: terms / passages.max(1.0) }
    }

    /// A term's inverse document frequency, ln(1 + (N − n + 0.5) / (n + 0.5)) where `n` of N passages have it:
    /// Robertson's and Spärck Jones' weight with the 1 that Lucene added, so that none is negative.
    pub(crate) fn idf(&self, n: usize) -> f64 {
        let n = n as f64;
        (1.0 + (self.passages - n + 0.5) / (n + 0.5)).ln()
    }

    /// What a term of this `idf` adds, that is `count` times in a passage of `length` terms.
    pub(crate) fn score(&self, idf: f64, count: u64, length: u64) -> f64 {
        let (count, length) = (count as f64, length as f64);
        idf * count * (K1 + 1.0) / (count + K1 * (1.0 - B + B * length / self.mean_length))
    }
}
