//! How often a classifier takes what for what.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Held-out texts by what they are and by what a classifier takes them for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    /// What there is to tell apart.
    pub labels: Vec<String>,
    /// Number of texts: a row for what they are, in it a column for what they are taken for.
    pub counts: Vec<Vec<usize>>,
}

impl Confusion {
    /// Counts pairs of what a text is and what it is taken for, by their numbers in `labels`.
    ///
    /// # Panics
    /// If a number is not below that of the labels.
    pub(crate) fn new(
        labels: Vec<String>,
        pairs: impl IntoIterator<Item = (usize, usize)>,
    ) -> Self {
        let mut counts = vec![vec![0; labels.len()]; labels.len()];
        for (is, taken_for) in pairs {
            counts[is][taken_for] += 1;
        }
        Self { labels, counts }
    }

    /// Number of texts, the sum of all counts.
    #[must_use]
    pub fn texts(&self) -> usize {
        self.counts.iter().flatten().sum()
    }

    /// The part that is taken for what it is.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        let right: usize = (0..self.labels.len()).map(|label| self.counts[label][label]).sum();
        right as f64 / self.texts() as f64
    }

    /// The part that would be right if all were taken for the most frequent.
    #[must_use]
    pub fn majority(&self) -> f64 {
        let of_label = self.counts.iter().map(|row| row.iter().sum::<usize>());
        of_label.max().unwrap_or(0) as f64 / self.texts() as f64
    }

    /// F1 of a label, by its number: the harmonic mean of precision and recall; 0 where it is neither
    /// there nor found.
    fn f1(&self, label: usize) -> f64 {
        let right = self.counts[label][label];
        let is: usize = self.counts[label].iter().sum();
        let found: usize = self.counts.iter().map(|row| row[label]).sum();
        match is + found {
            0 => 0.0,
            both => 2.0 * right as f64 / both as f64,
        }
    }

    /// The mean of all labels' F1, each counted alike.
    #[must_use]
    pub fn macro_f1(&self) -> f64 {
        let sum: f64 = (0..self.labels.len()).map(|label| self.f1(label)).sum();
        sum / self.labels.len() as f64
    }
}

impl fmt::Display for Confusion {
    /// The figures in a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (accuracy, f1, texts) = (self.accuracy(), self.macro_f1(), self.texts());
        write!(f, "accuracy {accuracy:.4}, macro-F1 {f1:.4}, {texts} texts")
    }
}

#[cfg(test)]
mod tests;
