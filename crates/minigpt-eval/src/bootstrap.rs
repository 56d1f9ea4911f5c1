//! How far a figure would move on another text of the same kind.

use std::fmt;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::error::EvalError;

/// The percentile bootstrap ([Efron and Tibshirani, 1993](https://doi.org/10.1201/9780429246593),
/// chapter 13): parts of the text are drawn with replacement, as many as there are, and the figure is
/// computed anew.
///
/// Parts that lie next to each other are alike, and are drawn as if they were not: the narrower the
/// parts, the more too narrow the interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// How often all is drawn; 0 computes no intervals.
    pub resamples: usize,
    /// What is drawn.
    pub unit: Unit,
    /// Seed of the draws.
    pub seed: u64,
}

/// The unit that the bootstrap draws with replacement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Stretches as long as the context, whatever the stride.
    Windows,
    /// Documents.
    Documents,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { resamples: 1000, unit: Unit::Windows, seed: 42 }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Windows => "windows",
            Self::Documents => "documents",
        })
    }
}

impl std::str::FromStr for Unit {
    type Err = EvalError;

    fn from_str(name: &str) -> Result<Self, EvalError> {
        match name {
            "windows" => Ok(Self::Windows),
            "documents" => Ok(Self::Documents),
            _ => Err(EvalError::UnknownUnit { name: name.to_owned() }),
        }
    }
}

/// A figure and the interval that holds it in 95 of 100 resamples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The figure on the whole text.
    pub value: f64,
    /// The lower end, where intervals were computed and there was more than one part to draw.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
}

impl Bootstrap {
    /// Parts below which an interval says too little: few draws differ, and one unusual part decides.
    pub const ENOUGH: usize = 20;

    /// Each of `figures` of the sum of all parts, with its interval.
    pub(crate) fn measure<const N: usize, const F: usize>(
        &self,
        parts: &[[f64; N]],
        figures: [fn(&[f64; N]) -> f64; F],
    ) -> [Measured; F] {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let resamples = if parts.len() > 1 { self.resamples } else { 0 };
        let mut values: [Vec<f64>; F] = std::array::from_fn(|_| Vec::with_capacity(resamples));
        for _ in 0..resamples {
            let drawn = (0..parts.len()).map(|_| &parts[random.random_range(0..parts.len())]);
            let sum = sum(drawn);
            for (values, figure) in values.iter_mut().zip(figures) {
                values.push(figure(&sum));
            }
        }
        let whole = sum(parts.iter());
        std::array::from_fn(|index| {
            let values = &mut values[index];
            // A draw may lack what a figure is of, as a text's words.
            values.retain(|value| value.is_finite());
            values.sort_by(f64::total_cmp);
            let value = figures[index](&whole);
            Measured { value, low: quantile(values, 0.025), high: quantile(values, 0.975) }
        })
    }
}

fn sum<'a, const N: usize>(parts: impl Iterator<Item = &'a [f64; N]>) -> [f64; N] {
    parts.fold([0.0; N], |sum, part| std::array::from_fn(|index| sum[index] + part[index]))
}

/// The value below which so much of the sorted values lies.
fn quantile(sorted: &[f64], part: f64) -> Option<f64> {
    let place = (part * sorted.len() as f64) as usize;
    sorted.get(place.min(sorted.len().saturating_sub(1))).copied()
}

#[cfg(test)]
mod tests;
