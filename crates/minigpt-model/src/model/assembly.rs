//! How a model's modules get their parameters: one after the other, in the order of the table.

use std::iter::Peekable;
use std::sync::Arc;

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};

use super::config::GptConfig;
use super::linear::Linear;
use super::parameters::Parameter;
use crate::matrix::frozen::Frozen;

/// What a module gets for a parameter.
pub(crate) enum Content {
    /// The parameter's values.
    Values(TensorData),
    /// A matrix that is not trained.
    Frozen(Frozen),
}

/// Gives a parameter its content.
type Source<'a, E> = dyn FnMut(&Parameter) -> Result<Content, E> + 'a;

/// Hands each of a configuration's [parameters](GptConfig::parameters) to the module that it belongs to.
pub(crate) struct Assembly<'a, E> {
    pub(crate) config: &'a GptConfig,
    device: &'a Device,
    parameters: Peekable<Box<dyn Iterator<Item = Parameter> + 'a>>,
    source: Box<Source<'a, E>>,
}

impl<'a, E> Assembly<'a, E> {
    /// The content comes from `source`; of all but [matrices](crate::model::parameters::Role::is_matrix) it is values.
    pub(crate) fn new(
        config: &'a GptConfig,
        device: &'a Device,
        source: impl FnMut(&Parameter) -> Result<Content, E> + 'a,
    ) -> Self {
        let parameters: Box<dyn Iterator<Item = Parameter>> = Box::new(config.parameters());
        let (parameters, source) = (parameters.peekable(), Box::new(source));
        Self { config, device, parameters, source }
    }

    /// The parameter of that name, if it is the next.
    ///
    /// # Panics
    /// Where it is frozen: only matrices are.
    pub(crate) fn optional<const D: usize>(
        &mut self,
        name: &str,
    ) -> Result<Option<Param<Tensor<D>>>, E> {
        match self.parameters.next_if(|next| next.name == name) {
            Some(parameter) => {
                let Content::Values(values) = (self.source)(&parameter)? else {
                    panic!("{name} is no matrix and cannot be frozen")
                };
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

    /// The matrix of that name, if it is the next; where it is frozen, the parameter is one zero.
    pub(crate) fn optional_matrix(&mut self, name: &str) -> Result<Option<Matrix>, E> {
        let Some(parameter) = self.parameters.next_if(|next| next.name == name) else {
            return Ok(None);
        };
        let (values, frozen) = match (self.source)(&parameter)? {
            Content::Values(values) => (values, None),
            // None at all may lie anywhere in a file, and burn refuses numbers that do not lie on four bytes.
            Content::Frozen(matrix) => {
                (TensorData::new(vec![0.0_f32], [1, 1]), Some(Arc::new(matrix)))
            }
        };
        Ok(Some((Param::from_data(values, self.device), frozen)))
    }

    /// The matrix of that name.
    ///
    /// # Panics
    /// As [`parameter`](Self::parameter).
    pub(crate) fn matrix(&mut self, name: &str) -> Result<Matrix, E> {
        let found = self.optional_matrix(name)?;
        Ok(found.unwrap_or_else(|| panic!("the next parameter of the table is not {name}")))
    }

    /// A layer's matrix, and its bias where it has one.
    pub(crate) fn linear(&mut self, layer: &str) -> Result<Linear, E> {
        let (weight, frozen) = self.matrix(&format!("{layer}.weight"))?;
        Ok(Linear { weight, bias: self.optional(&format!("{layer}.bias"))?, frozen })
    }
}

/// A matrix as a parameter, or frozen.
pub(crate) type Matrix = (Param<Tensor<2>>, Option<Arc<Frozen>>);
