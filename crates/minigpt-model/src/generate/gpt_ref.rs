//! A model of either kind, as it is read when texts are written and measured.

use burn::tensor::{Int, Tensor, TensorData};

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
                let device = model.wte.weight.val().device();
                let ids: Vec<i32> = tokens.iter().map(|id| *id as i32).collect();
                let shape = [1, ids.len()];
                let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, shape), &device);
                model.hidden(ids).into_data().iter().collect()
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
                let device = model.wte.weight.val().device();
                let tensor = |rows: &[&[u32]]| {
                    let ids: Vec<i32> = rows.concat().into_iter().map(|id| id as i32).collect();
                    let shape = [rows.len(), ids.len() / rows.len().max(1)];
                    Tensor::<2, Int>::from_data(TensorData::new(ids, shape), &device)
                };
                let last = targets.first().map_or(0, |targets| targets.len());
                let scores = model.score(tensor(texts), tensor(targets));
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
