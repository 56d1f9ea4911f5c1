//! A pass through the model that keeps what stands between: attention weights, and the residual stream of each block.

use burn::tensor::{Int, Tensor};

use super::block::Block;
use super::context::Context;
use super::gpt::Gpt;
use crate::ops::DropoutState;

/// A pass through the model, block by block: each gives the residual stream after it, `[batch, time, n_embd]`, and how
/// much each position attended to each other in it, `[batch, n_head, time, time]`.
pub(crate) struct TensorTrace<'a> {
    blocks: std::slice::Iter<'a, Block>,
    context: Context,
    /// The residual stream before the next block.
    x: Tensor<3>,
}

impl TensorTrace<'_> {
    /// The residual stream before the next block, `[batch, time, n_embd]`.
    pub(crate) fn residual(&self) -> Tensor<3> {
        self.x.clone()
    }
}

impl Iterator for TensorTrace<'_> {
    type Item = (Tensor<3>, Tensor<4>);

    fn next(&mut self) -> Option<Self::Item> {
        let block = self.blocks.next()?;
        let (x, weights) = block.forward_traced(self.x.clone(), &mut self.context);
        self.x = x.clone();
        Some((x, weights))
    }
}

impl Gpt {
    /// Will read `[batch, time]`.
    ///
    /// # Panics
    /// As [`hidden`](Self::hidden).
    pub(crate) fn trace(&self, tokens: Tensor<2, Int>) -> TensorTrace<'_> {
        let positions = self.first_positions(tokens.dims()[1]);
        let mut context = self.context(DropoutState::off(), &positions);
        let x = self.embed(tokens, None, &mut context);
        TensorTrace { blocks: self.h.iter(), context, x }
    }

    /// How much each position attends to each other while the model reads `[batch, time]`: for each
    /// block `[batch, n_head, time, time]`, rows are queries and sum to one.
    ///
    /// ```
    /// use burn::tensor::{Device, Int, Tensor};
    /// use minigpt_model::{Gpt, GptConfig};
    ///
    /// let device = Device::flex();
    /// let config = GptConfig::tiny(256);
    /// let model = Gpt::init(&config, 0, &device)?;
    /// let maps = model.attention(Tensor::<2, Int>::from_data([[72, 101, 108]], &device));
    /// assert_eq!((maps.len(), maps[0].dims()), (config.n_layer, [1, config.n_head, 3, 3]));
    /// # Ok::<(), minigpt_model::ConfigError>(())
    /// ```
    ///
    /// # Panics
    /// As [`hidden`](Self::hidden).
    #[must_use]
    pub fn attention(&self, tokens: Tensor<2, Int>) -> Vec<Tensor<4>> {
        self.trace(tokens).map(|(_, weights)| weights).collect()
    }

    /// The logits that the head makes of rows of a residual stream, wherever in the model they stand: `[batch, time,
    /// n_embd]` to `[batch, time, vocab_size]`.
    pub(crate) fn lens(&self, residual: Tensor<3>) -> Tensor<3> {
        self.head(self.ln_f.forward(residual))
    }
}
