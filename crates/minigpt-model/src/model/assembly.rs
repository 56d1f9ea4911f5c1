//! How a model's modules get their parameters: one after the other, in the order of the table.

use std::iter::Peekable;

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData};

use super::config::GptConfig;
use super::parameters::Parameter;

/// Gives a parameter its values.
type Source<'a, E> = dyn FnMut(&Parameter) -> Result<TensorData, E> + 'a;

/// Hands each of a configuration's [parameters](GptConfig::parameters) to the module that it belongs to.
pub(crate) struct Assembly<'a, E> {
    pub(crate) config: &'a GptConfig,
    device: &'a Device,
    parameters: Peekable<Box<dyn Iterator<Item = Parameter> + 'a>>,
    source: Box<Source<'a, E>>,
}

impl<'a, E> Assembly<'a, E> {
    /// The values come from `source`.
    pub(crate) fn new(
        config: &'a GptConfig,
        device: &'a Device,
        source: impl FnMut(&Parameter) -> Result<TensorData, E> + 'a,
    ) -> Self {
        let parameters: Box<dyn Iterator<Item = Parameter>> = Box::new(config.parameters());
        Self { config, device, parameters: parameters.peekable(), source: Box::new(source) }
    }

    /// The parameter of that name, if it is the next.
    pub(crate) fn optional<const D: usize>(
        &mut self,
        name: &str,
    ) -> Result<Option<Param<Tensor<D>>>, E> {
        match self.parameters.next_if(|next| next.name == name) {
            Some(parameter) => {
                let values = (self.source)(&parameter)?;
                Ok(Some(Param::from_data(values, self.device)))
            }
            None => Ok(None),
        }
    }

    /// The parameter of that name.
    ///
    /// # Panics
    /// Where another is next: module and table are out of step.
    pub(crate) fn parameter<const D: usize>(&mut self, name: &str) -> Result<Param<Tensor<D>>, E> {
        let found = self.optional(name)?;
        Ok(found.unwrap_or_else(|| panic!("the next parameter of the table is not {name}")))
    }

    /// A layer's matrix, and its bias where it has one.
    pub(crate) fn linear(&mut self, layer: &str) -> Result<Linear, E> {
        let weight = self.parameter(&format!("{layer}.weight"))?;
        Ok(Linear { weight, bias: self.optional(&format!("{layer}.bias"))? })
    }
}
