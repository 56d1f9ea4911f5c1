//! The models that another learns from.

use burn::tensor::{Int, Tensor};
use minigpt_model::{Gpt, Lesson};

/// The teachers of a run, on a device that does not differentiate.
#[derive(Debug)]
pub(crate) struct Teachers {
    pub(crate) models: Vec<Gpt>,
    pub(crate) weight: f64,
    pub(crate) temperature: f64,
}

impl Teachers {
    /// What they make of a batch, `[batch, time]`: a forward pass of each, without gradients.
    pub(crate) fn lesson(&self, tokens: &Tensor<2, Int>) -> Lesson {
        let tokens = match tokens.device().is_autodiff() {
            true => tokens.clone().inner(),
            false => tokens.clone(),
        };
        let of = |model: &Gpt| {
            let hidden: Tensor<2> = model.hidden(tokens.clone()).flatten(0, 1); // [batch * time, n_embd]
            [hidden, model.output_embedding()]
        };
        let Self { weight, temperature, .. } = *self;
        Lesson { teachers: self.models.iter().map(of).collect(), weight, temperature }
    }
}
