//! Several examples in a row: all but attention works on each position alone, and attention on each example as if it had
//! a row of its own.

#[cfg(test)]
mod tests;

use burn::tensor::{Device, Int, Tensor, TensorData};

/// The lengths of the examples that stand one after the other in each row of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segments(Vec<Vec<usize>>);

impl Segments {
    /// Of rows of `time` tokens, whose examples may be shorter together: what is left is a segment of its own. A row
    /// without lengths is one example.
    ///
    /// # Panics
    /// Where those of a row are longer than `time`.
    pub fn new(rows: impl IntoIterator<Item = Vec<usize>>, time: usize) -> Self {
        let whole = |mut lengths: Vec<usize>| {
            let all: usize = lengths.iter().sum();
            assert!(all <= time, "segments of {all} tokens in a row of {time}");
            if all < time {
                lengths.push(time - all);
            }
            lengths
        };
        Self(rows.into_iter().map(whole).collect())
    }

    /// Those of some of the rows.
    #[must_use]
    pub fn rows(&self, rows: std::ops::Range<usize>) -> Self {
        Self(self.0[rows].to_vec())
    }

    /// Tokens of the longest.
    pub(crate) fn longest(&self) -> usize {
        self.0.iter().flatten().copied().max().unwrap_or(0)
    }

    /// The place of each token in its segment, `[rows, time]`, one row after the other.
    pub(crate) fn positions(&self) -> Vec<usize> {
        self.0.iter().flatten().flat_map(|length| 0..*length).collect()
    }

    pub(crate) fn apart(&self, device: &Device) -> Apart {
        let longest = self.longest();
        let (mut tokens, mut places, mut start) = (Vec::new(), Vec::new(), 0);
        for (row, length) in self.0.iter().flatten().enumerate() {
            // What stands after the end is the first token again: no other sees it, and nothing of it is taken back.
            tokens.extend((0..longest).map(|at| start + if at < *length { at } else { 0 }));
            places.extend((0..*length).map(|at| row * longest + at));
            start += length;
        }
        let rows = self.0.iter().map(Vec::len).sum();
        let index = |numbers: Vec<usize>| {
            let numbers: Vec<i32> = numbers.into_iter().map(|number| number as i32).collect();
            let shape = [numbers.len()];
            Tensor::from_data(TensorData::new(numbers, shape), device)
        };
        Apart { rows, longest, tokens: index(tokens), places: index(places) }
    }
}

/// How tokens of packed rows stand in rows of one segment each, as long as the longest.
#[derive(Clone, Debug)]
pub(crate) struct Apart {
    rows: usize,
    longest: usize,
    /// The token at each place of these rows.
    tokens: Tensor<1, Int>,
    /// The place of each token.
    places: Tensor<1, Int>,
}

impl Apart {
    /// `[batch, time, width]` to `[segments, longest, width]`.
    pub(crate) fn spread(&self, x: Tensor<3>) -> Tensor<3> {
        let width = x.dims()[2];
        let x: Tensor<2> = x.flatten(0, 1);
        x.select(0, self.tokens.clone()).reshape([self.rows, self.longest, width])
    }

    /// `[segments, longest, width]` to `[batch, time, width]`.
    pub(crate) fn gather(&self, x: Tensor<3>, [batch, time]: [usize; 2]) -> Tensor<3> {
        let width = x.dims()[2];
        let x: Tensor<2> = x.flatten(0, 1);
        x.select(0, self.places.clone()).reshape([batch, time, width])
    }
}
