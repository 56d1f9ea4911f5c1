//! Backward passes in less memory: a block's inside is computed again when its gradient is due.

#[cfg(test)]
mod tests;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Gradients, Int, Tensor};

use super::gpt::Gpt;
use super::segments::Segments;

impl Gpt {
    /// A forward and a backward pass that keep of each block what goes into it and nothing of its inside,
    /// which is computed a second time on the way back ([Chen et al.,
    /// 2016](https://arxiv.org/abs/1604.06174)): about a third more work, and the memory of one block in
    /// place of all.
    ///
    /// `tokens` is `[batch, time]`, of one example each or of `segments`. `objective` gets what
    /// [`hidden`](Self::hidden) gives and makes the scalar `[1]` to differentiate; what it gives besides is returned. `gradients` gets the gradients
    /// part by part, those of the head first; a parameter in two parts, as `wte`, comes twice, to be added.
    /// They are those of a pass that keeps everything, on the CPU to the bit, dropout included.
    ///
    /// # Panics
    /// As [`hidden`](Self::hidden), and where the model is not on a device that differentiates.
    pub fn backward_by_block<T>(
        &self,
        tokens: Tensor<2, Int>,
        segments: Option<&Segments>,
        objective: impl FnOnce(Tensor<3>) -> (Tensor<1>, T),
        mut gradients: impl FnMut(Gradients),
    ) -> T {
        let device = self.wte.weight.lazy_device();
        let mut context = self.training_context(tokens.dims()[1], segments);
        let embedded = self.embed(tokens, segments, &mut context);
        let mut inputs = Vec::with_capacity(self.h.len());
        let mut x = embedded.clone().inner();
        for block in &self.h {
            context.dropout = context.dropout.repeatable(&device);
            inputs.push((x.clone(), context.dropout));
            x = block.clone().map(&mut Inner).forward(x, &mut context);
        }

        let x = Tensor::from_inner(x).require_grad();
        let (objective, rest) = objective(self.ln_f.forward(x.clone()));
        let mut slope = pass_back(&x, objective, &mut gradients);
        for (block, (x, dropout)) in self.h.iter().zip(inputs).rev() {
            dropout.repeat(&device);
            context.dropout = dropout;
            let x = Tensor::from_inner(x).require_grad();
            let y = block.forward(x.clone(), &mut context);
            slope = pass_back(&x, with_slope(y, slope), &mut gradients);
        }
        // Frozen embeddings have no gradient.
        if embedded.is_tracked() {
            gradients(with_slope(embedded, slope).backward());
        }
        rest
    }
}

/// Takes parameters off the graph. Unlike `valid`, it leaves dropout on.
struct Inner;

impl ModuleMapper for Inner {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(Tensor::inner)
    }
}

/// A scalar whose gradient by `y` is `slope`.
fn with_slope(y: Tensor<3>, slope: Tensor<3>) -> Tensor<1> {
    (y * Tensor::from_inner(slope)).sum()
}

/// Hands out the gradients of `objective` but the one of `x`, which it returns.
fn pass_back(
    x: &Tensor<3>,
    objective: Tensor<1>,
    gradients: &mut impl FnMut(Gradients),
) -> Tensor<3> {
    let mut found = objective.backward();
    let slope = x.grad_remove(&mut found).expect("the objective depends on the block");
    gradients(found);
    slope
}
