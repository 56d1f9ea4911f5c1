//! How far a figure would move on another text of the same kind.

use std::fmt;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::error::EvalError;

/// The percentile bootstrap ([Efron and Tibshirani, 1993](https://doi.org/10.1201/9780429246593),
/// chapter 13): parts of the text are drawn with replacement, as many as there are, and the figure is
/// computed anew.
///
/// Parts that lie next to each other are alike, and are drawn as if they were not: the narrower the
/// parts, the more too narrow the interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Bootstrap {
    /// How often all is drawn; 0 computes no intervals.
    pub resamples: usize,
    /// What is drawn.
    pub unit: Unit,
    /// Seed of the draws.
    pub seed: u64,
}

/// What a text is drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// The figure on the whole text.
    pub value: f64,
    /// The lower end, where intervals were computed and there was more than one part to draw.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
}

impl Bootstrap {
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
mod tests {
    use super::*;

    const MEAN: fn(&[f64; 2]) -> f64 = |sum| sum[0] / sum[1];

    #[test]
    fn the_interval_of_a_mean_is_what_statistics_says() {
        // 0 to 99, again and again: mean 49.5, standard deviation 28.87, of the mean of 2000 0.645.
        let parts: Vec<[f64; 2]> = (0..2000).map(|n| [f64::from(n % 100), 1.0]).collect();
        let [mean] = Bootstrap::default().measure(&parts, [MEAN]);
        assert_eq!(mean.value, 49.5);
        let (low, high) = (mean.low.unwrap(), mean.high.unwrap());
        assert!((low - (49.5 - 1.96 * 0.645)).abs() < 0.2, "{low}");
        assert!((high - (49.5 + 1.96 * 0.645)).abs() < 0.2, "{high}");
    }

    #[test]
    fn the_seed_decides_and_one_part_has_no_interval() {
        let parts: Vec<[f64; 2]> = (0..50).map(|n| [f64::from(n * n), 1.0]).collect();
        let of_seed = |seed| Bootstrap { seed, ..Bootstrap::default() }.measure(&parts, [MEAN]);
        assert_eq!(of_seed(1), of_seed(1));
        assert_ne!(of_seed(1), of_seed(2));
        let [alone] = Bootstrap::default().measure(&parts[..1], [MEAN]);
        assert_eq!(alone, Measured { value: 0.0, low: None, high: None });
        let none = Bootstrap { resamples: 0, ..Bootstrap::default() };
        assert_eq!(none.measure(&parts, [MEAN])[0].low, None);
    }
}
