//! What stands between a text and the logits of its next token: attention weights and the residual stream, of either kind
//! of model.

use std::ops::Range;

use burn::tensor::{Int, Tensor, TensorData};

use crate::generate::GptRef;
use crate::model::gpt::Gpt;
use crate::model::trace::TensorTrace;
use crate::packed::trace::{PackedTrace, QueriesAndKeys};

/// A pass through a model over one text, which goes on by a block whenever it is asked for the next.
///
/// ```
/// use burn::tensor::Device;
/// use minigpt_model::{Gpt, GptConfig, GptRef};
///
/// let config = GptConfig::tiny(256);
/// let model = Gpt::init(&config, 0, &Device::flex())?;
/// let model = GptRef::from(&model);
/// let last = model.trace(&[72, 101, 108]).last().expect("a block");
/// assert_eq!(last.attention().len(), config.n_head * 3 * 3);
/// // What the last block leaves after the last token is what the logits are made of.
/// assert_eq!(model.lens(&last.residual(2..3)).len(), 256);
/// # Ok::<(), minigpt_model::ConfigError>(())
/// ```
pub struct Trace<'a> {
    pass: Pass<'a>,
    n_embd: usize,
}

enum Pass<'a> {
    Tensors(Box<TensorTrace<'a>>),
    Packed(PackedTrace<'a>),
}

/// What a block did with a text.
pub struct TracedBlock {
    attends: Attends,
    residual: Residual,
    n_embd: usize,
}

enum Attends {
    /// `[1, n_head, time, time]`.
    Weights(Box<Tensor<4>>),
    /// Of which weights are made where they are asked for.
    QueriesAndKeys(QueriesAndKeys),
}

enum Residual {
    /// `[1, time, n_embd]`.
    Tensor(Box<Tensor<3>>),
    Rows(Vec<f32>),
}

impl<'a> GptRef<'a> {
    /// Will read a text block by block.
    ///
    /// # Panics
    /// Where the text is empty or longer than the context, or an id is not in the vocabulary.
    #[must_use]
    pub fn trace(self, tokens: &[u32]) -> Trace<'a> {
        let pass = match self {
            Self::Packed(model) => Pass::Packed(model.trace(tokens)),
            Self::Tensors(model) => Pass::Tensors(Box::new(model.trace(as_batch(tokens, model)))),
        };
        Trace { pass, n_embd: self.config().n_embd }
    }

    /// The logits that the last normalisation and the head make of rows of the residual stream, wherever in the model
    /// they stand: what it would say if all further blocks did nothing (the logit lens, [nostalgebraist,
    /// 2020](https://www.lesswrong.com/posts/AcKRB8wDpdaN6v6ru/interpreting-gpt-the-logit-lens)). `[rows, n_embd]` to
    /// `[rows, vocab_size]`; those of padding are minus infinity.
    ///
    /// # Panics
    /// Where the rows are not of the model's width.
    #[must_use]
    pub fn lens(self, residual: &[f32]) -> Vec<f32> {
        let n_embd = self.config().n_embd;
        assert!(residual.len().is_multiple_of(n_embd), "rows are not {n_embd} wide");
        match self {
            Self::Packed(model) => model.lens(residual),
            Self::Tensors(model) => {
                let shape = [1, residual.len() / n_embd, n_embd];
                let device = model.wte.weight.val().device();
                let rows = Tensor::from_data(TensorData::new(residual.to_vec(), shape), &device);
                model.lens(rows).into_data().iter().collect()
            }
        }
    }
}

impl Trace<'_> {
    /// Rows of the residual stream before the next block, of the positions in `rows`: `[rows, n_embd]`. Before the
    /// first block it is the embedding.
    ///
    /// # Panics
    /// Where there are fewer positions.
    #[must_use]
    pub fn residual(&self, rows: Range<usize>) -> Vec<f32> {
        match &self.pass {
            Pass::Tensors(pass) => tensor_rows(pass.residual(), rows),
            Pass::Packed(pass) => {
                pass.residual()[rows.start * self.n_embd..rows.end * self.n_embd].to_vec()
            }
        }
    }
}

impl Iterator for Trace<'_> {
    type Item = TracedBlock;

    fn next(&mut self) -> Option<TracedBlock> {
        let (attends, residual) = match &mut self.pass {
            Pass::Tensors(pass) => {
                let (residual, weights) = pass.next()?;
                (Attends::Weights(Box::new(weights)), Residual::Tensor(Box::new(residual)))
            }
            Pass::Packed(pass) => {
                let attends = Attends::QueriesAndKeys(pass.next()?);
                (attends, Residual::Rows(pass.residual().to_vec()))
            }
        };
        Some(TracedBlock { attends, residual, n_embd: self.n_embd })
    }
}

impl TracedBlock {
    /// How much each position attends to each other, `[n_head, time, time]`: rows are queries and sum to one, and what
    /// is later has 0.
    #[must_use]
    pub fn attention(&self) -> Vec<f32> {
        match &self.attends {
            Attends::Weights(weights) => weights.to_data().iter().collect(),
            Attends::QueriesAndKeys(attends) => attends.weights(),
        }
    }

    /// Rows of the residual stream after the block, of the positions in `rows`: `[rows, n_embd]`.
    ///
    /// # Panics
    /// Where there are fewer positions.
    #[must_use]
    pub fn residual(&self, rows: Range<usize>) -> Vec<f32> {
        match &self.residual {
            Residual::Tensor(residual) => tensor_rows((**residual).clone(), rows),
            Residual::Rows(residual) => {
                residual[rows.start * self.n_embd..rows.end * self.n_embd].to_vec()
            }
        }
    }
}

/// Some positions of `[1, time, n_embd]`.
fn tensor_rows(residual: Tensor<3>, rows: Range<usize>) -> Vec<f32> {
    residual.narrow(1, rows.start, rows.len()).into_data().iter().collect()
}

/// A text as `[1, time]`, on the model's device.
fn as_batch(tokens: &[u32], model: &Gpt) -> Tensor<2, Int> {
    let ids: Vec<i32> = tokens.iter().map(|id| *id as i32).collect();
    let shape = [1, ids.len()];
    Tensor::from_data(TensorData::new(ids, shape), &model.wte.weight.val().device())
}

#[cfg(test)]
mod tests;
