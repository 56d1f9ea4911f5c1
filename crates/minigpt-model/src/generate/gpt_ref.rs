//! A model of either kind, as it is read when texts are written and measured.

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::model::config::GptConfig;
use crate::model::gpt::Gpt;
use crate::packed::{PackedGpt, TokenScore};

/// A [`Gpt`] on any device, or a [`PackedGpt`]. Whatever writes or measures texts takes either.
#[derive(Clone, Copy, Debug)]
pub enum GptRef<'a> {
    /// Tensors on a device.
    Tensors(&'a Gpt),
    /// Packed weights, on the processor.
    Packed(&'a PackedGpt),
}

/// An owned model of either kind; [`GptRef`] borrows it.
#[derive(Debug)]
pub enum AnyGpt {
    /// On a device.
    Tensors(Box<Gpt>),
    /// On the processor.
    Packed(Box<PackedGpt>),
}

impl<'a> From<&'a AnyGpt> for GptRef<'a> {
    fn from(model: &'a AnyGpt) -> Self {
        match model {
            AnyGpt::Tensors(model) => Self::Tensors(model),
            AnyGpt::Packed(model) => Self::Packed(model),
        }
    }
}

impl<'a> From<&'a Gpt> for GptRef<'a> {
    fn from(model: &'a Gpt) -> Self {
        Self::Tensors(model)
    }
}

impl<'a> From<&'a PackedGpt> for GptRef<'a> {
    fn from(model: &'a PackedGpt) -> Self {
        Self::Packed(model)
    }
}

impl<'a> GptRef<'a> {
    /// The model's shape.
    #[must_use]
    pub fn config(self) -> &'a GptConfig {
        match self {
            Self::Tensors(model) => model.config(),
            Self::Packed(model) => model.config(),
        }
    }

    /// Longest context in tokens.
    #[must_use]
    pub fn block_size(self) -> usize {
        self.config().block_size
    }

    /// Number of token ids, padding included: the width of the logits.
    #[must_use]
    pub fn vocab_size(self) -> usize {
        match self {
            Self::Tensors(model) => model.vocab_size(),
            Self::Packed(model) => model.vocab_size(),
        }
    }

    /// Number of token ids that the tokenizer has.
    #[must_use]
    pub fn tokenizer_size(self) -> usize {
        match self {
            Self::Tensors(model) => model.tokenizer_size(),
            Self::Packed(model) => model.tokenizer_size(),
        }
    }

    /// The normalised residual stream after each token of a text, `[tokens, n_embd]`.
    ///
    /// # Panics
    /// As [`Gpt::hidden`].
    #[must_use]
    pub fn hidden(self, tokens: &[u32]) -> Vec<f32> {
        match self {
            Self::Packed(model) => model.hidden(tokens),
            Self::Tensors(model) => {
                model.hidden(ids(model, &[tokens])).into_data().iter().collect()
            }
        }
    }

    /// The normalised residual stream after the last tokens of texts that are equally long, of each as many:
    /// `[texts, last, n_embd]`.
    ///
    /// # Panics
    /// Where texts differ in length or are shorter than `last`, and as [`Gpt::hidden`].
    #[must_use]
    pub fn last_hidden(self, texts: &[&[u32]], last: usize) -> Vec<f32> {
        match self {
            Self::Packed(model) => model.last_hidden(texts, last),
            Self::Tensors(model) => {
                let hidden = model.hidden(ids(model, texts));
                let time = hidden.dims()[1];
                hidden.narrow(1, time - last, last).into_data().iter().collect()
            }
        }
    }

    /// The logits of rows of the normalised residual stream, `[rows, n_embd]` to `[rows, vocab_size]`; those of padding
    /// are minus infinity.
    #[must_use]
    pub fn head(self, hidden: &[f32]) -> Vec<f32> {
        match self {
            Self::Packed(model) => model.head(hidden),
            Self::Tensors(model) => {
                let n_embd = model.config().n_embd;
                let shape = [1, hidden.len() / n_embd, n_embd];
                let hidden = TensorData::new(hidden.to_vec(), shape);
                let hidden = Tensor::<3>::from_data(hidden, &device(model));
                model.head(hidden).into_data().iter().collect()
            }
        }
    }

    /// Scores the last tokens of texts that are equally long, equally many of each: the last of `targets` follows the
    /// whole text.
    ///
    /// # Panics
    /// Where texts or targets differ in length, and as [`Gpt::score`].
    pub fn score(self, texts: &[&[u32]], targets: &[&[u32]]) -> Vec<Vec<TokenScore>> {
        let are_even = |rows: &[&[u32]]| rows.windows(2).all(|two| two[0].len() == two[1].len());
        assert!(are_even(texts) && are_even(targets), "texts or targets of different lengths");
        match self {
            Self::Packed(model) => model.score(texts, targets),
            Self::Tensors(model) => {
                let last = targets.first().map_or(0, |targets| targets.len());
                let scores = model.score(ids(model, texts), ids(model, targets));
                let nats: Vec<f32> = scores.nats.into_data().iter().collect();
                let is_greedy: Vec<bool> = scores.is_greedy.into_data().iter().collect();
                let tokens = nats.into_iter().zip(is_greedy);
                let tokens = tokens.map(|(nats, is_greedy)| TokenScore { nats, is_greedy });
                let tokens: Vec<TokenScore> = tokens.collect();
                tokens.chunks(last.max(1)).map(<[TokenScore]>::to_vec).collect()
            }
        }
    }
}

fn device(model: &Gpt) -> Device {
    model.ln_f.weight.lazy_device()
}

/// Rows of equally many ids, where the model computes.
fn ids(model: &Gpt, rows: &[&[u32]]) -> Tensor<2, Int> {
    let ids: Vec<i32> = rows.concat().into_iter().map(|id| id as i32).collect();
    let shape = [rows.len(), ids.len() / rows.len().max(1)];
    Tensor::from_data(TensorData::new(ids, shape), &device(model))
}
