//! A model that tells classes of texts apart.

use burn::tensor::{Int, Tensor, TensorData};
use minigpt_data::Tokenizer;
use minigpt_model::Gpt;
use serde::Serialize;

use crate::error::TextError;

/// A model with a head for labels on its last token.
#[derive(Clone, Debug)]
pub struct Classifier {
    /// The model.
    pub model: Gpt,
    /// `[labels, n_embd]`.
    head: Tensor<2>,
    /// What it tells apart, in the order of the head.
    pub labels: Vec<String>,
}

/// What a classifier takes a text for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// The probability of each label, in the classifier's order.
    pub probabilities: Vec<f32>,
}

impl Verdict {
    /// The number of the most probable label, the first of several.
    #[must_use]
    pub fn best(&self) -> usize {
        let better =
            |best: usize, next: usize| match self.probabilities[next] > self.probabilities[best] {
                true => next,
                false => best,
            };
        (0..self.probabilities.len()).reduce(better).unwrap_or(0)
    }
}

impl Classifier {
    /// A model with its `head`, `[labels, n_embd]`; `None` where that is not a head for these labels.
    #[must_use]
    pub fn new(model: Gpt, head: Tensor<2>, labels: Vec<String>) -> Option<Self> {
        (head.dims()[0] == labels.len()).then_some(Self { model, head, labels })
    }

    /// What each text is, `batch_size` of them at a time; `progress` hears of how many are done.
    ///
    /// # Errors
    /// [`TextError::Data`], or [`TextError::TextTooLong`] for a text that does not fit the context.
    pub fn classify(
        &self,
        tokenizer: &Tokenizer,
        texts: &[String],
        batch_size: usize,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Verdict>, TextError> {
        let block_size = self.model.block_size();
        let mut rows = Vec::with_capacity(texts.len());
        for (index, text) in texts.iter().enumerate() {
            let (ids, end) = (tokenizer.encode(text)?, [tokenizer.end_of_text()]);
            let inputs = [tokenizer.before_text(), &ids, &end].concat();
            if inputs.len() > block_size {
                let (number, tokens) = (index + 1, inputs.len());
                return Err(TextError::TextTooLong { number, tokens, block_size });
            }
            rows.push(inputs);
        }
        let mut verdicts = Vec::with_capacity(rows.len());
        for rows in rows.chunks(batch_size.max(1)) {
            let hidden = self.model.hidden(self.padded(rows)); // [batch, time, n_embd]
            let [_, time, _] = hidden.dims();
            let logits = hidden.matmul(self.head.clone().transpose().unsqueeze()); // [batch, time, labels]
            let values: Vec<f32> = logits.into_data().convert::<f32>().iter().collect();
            let of_row = values.chunks(time * self.labels.len()).zip(rows);
            verdicts.extend(of_row.map(|(logits, row)| {
                let last = (row.len() - 1) * self.labels.len();
                softmax(&logits[last..last + self.labels.len()])
            }));
            progress(verdicts.len());
        }
        Ok(verdicts)
    }

    /// Texts as long as the longest, `[batch, time]`: none of a shorter one's positions looks at what comes after
    /// it.
    fn padded(&self, rows: &[Vec<u32>]) -> Tensor<2, Int> {
        let time = rows.iter().map(Vec::len).max().unwrap_or(0);
        let padded = |row: &Vec<u32>| {
            let ids = row.iter().map(|id| *id as i32);
            ids.chain(std::iter::repeat(0)).take(time).collect::<Vec<i32>>()
        };
        let ids: Vec<i32> = rows.iter().flat_map(padded).collect();
        Tensor::from_data(TensorData::new(ids, [rows.len(), time]), &self.head.device())
    }
}

fn softmax(logits: &[f32]) -> Verdict {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponentials: Vec<f32> = logits.iter().map(|logit| (logit - largest).exp()).collect();
    let sum: f32 = exponentials.iter().sum();
    Verdict { probabilities: exponentials.iter().map(|value| value / sum).collect() }
}
