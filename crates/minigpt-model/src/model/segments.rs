//! Several examples in a row: all but attention works on each position alone, and attention on each example as if it had
//! a row of its own.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

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

    /// In as many layouts as there are classes of lengths, each up to twice the one before: no segment stands in a row
    /// of twice its length.
    pub(crate) fn apart(&self, device: &Device) -> Apart {
        let mut classes: BTreeMap<usize, Vec<[usize; 2]>> = BTreeMap::new();
        let mut all = 0;
        for length in self.0.iter().flatten().copied().filter(|length| *length > 0) {
            classes.entry(length.next_power_of_two()).or_default().push([all, length]);
            all += length;
        }
        let (mut places, mut spread) = (vec![0; all], 0);
        let layout = |segments: Vec<[usize; 2]>| {
            let longest = segments.iter().map(|[_, length]| *length).max().unwrap_or(0);
            let mut tokens = Vec::with_capacity(segments.len() * longest);
            for [start, length] in &segments {
                // What stands after the end is the first token again: no other sees it, and nothing of it is taken back.
                tokens.extend((0..longest).map(|at| start + if at < *length { at } else { 0 }));
                (0..*length).for_each(|at| places[start + at] = spread + at);
                spread += longest;
            }
            Layout { rows: segments.len(), longest, tokens: index(tokens, device) }
        };
        let layouts = classes.into_values().map(layout).collect();
        Apart { layouts, places: index(places, device) }
    }
}

fn index(numbers: Vec<usize>, device: &Device) -> Tensor<1, Int> {
    let numbers: Vec<i32> = numbers.into_iter().map(|number| number as i32).collect();
    let shape = [numbers.len()];
    Tensor::from_data(TensorData::new(numbers, shape), device)
}

/// How tokens of packed rows stand in rows of one segment each.
#[derive(Clone, Debug)]
pub(crate) struct Apart {
    layouts: Vec<Layout>,
    /// The place of each token in the rows of all layouts, one layout after the other.
    places: Tensor<1, Int>,
}

/// Segments of about one length, in rows as long as the longest of them.
#[derive(Clone, Debug)]
struct Layout {
    rows: usize,
    longest: usize,
    /// The token at each place of these rows.
    tokens: Tensor<1, Int>,
}

impl Apart {
    /// What `mixed` makes of each layout, `[segments, longest, width]`, put back together: `[batch, time, width]` to
    /// the same with the width that it gives.
    pub(crate) fn each(
        &self,
        x: Tensor<3>,
        mut mixed: impl FnMut(Tensor<3>) -> Tensor<3>,
    ) -> Tensor<3> {
        let [batch, time, width] = x.dims();
        let x: Tensor<2> = x.flatten(0, 1);
        let parts = self.layouts.iter().map(|layout| {
            let rows = x.clone().select(0, layout.tokens.clone());
            mixed(rows.reshape([layout.rows, layout.longest, width])).flatten(0, 1)
        });
        let parts: Vec<Tensor<2>> = parts.collect();
        let together = Tensor::cat(parts, 0);
        let width = together.dims()[1];
        together.select(0, self.places.clone()).reshape([batch, time, width])
    }
}
