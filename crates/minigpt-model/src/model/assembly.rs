//! How a model's modules get their parameters: one after the other, in the order of the table.

use std::iter::Peekable;
use std::sync::Arc;

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};

use super::config::GptConfig;
use super::linear::Linear;
use super::parameters::Parameter;
use crate::matrix::frozen::Frozen;

/// Gives a parameter its values.
type Source<'a, E> = dyn FnMut(&Parameter) -> Result<TensorData, E> + 'a;

/// Keeps the values of a matrix that is not trained; nothing where it stays a parameter.
pub(crate) type Freeze<'a, E> = dyn Fn(&Parameter, &TensorData) -> Result<Option<Frozen>, E> + 'a;

/// Hands each of a configuration's [parameters](GptConfig::parameters) to the module that it belongs to.
pub(crate) struct Assembly<'a, E> {
    pub(crate) config: &'a GptConfig,
    device: &'a Device,
    parameters: Peekable<Box<dyn Iterator<Item = Parameter> + 'a>>,
    source: Box<Source<'a, E>>,
    freeze: Option<&'a Freeze<'a, E>>,
}

impl<'a, E> Assembly<'a, E> {
    /// The values come from `source`.
    pub(crate) fn new(
        config: &'a GptConfig,
        device: &'a Device,
        source: impl FnMut(&Parameter) -> Result<TensorData, E> + 'a,
    ) -> Self {
        let parameters: Box<dyn Iterator<Item = Parameter>> = Box::new(config.parameters());
        let (parameters, source) = (parameters.peekable(), Box::new(source));
        Self { config, device, parameters, source, freeze: None }
    }

    /// The same, with matrices frozen.
    pub(crate) fn with_freeze(self, freeze: &'a Freeze<'a, E>) -> Self {
        Self { freeze: Some(freeze), ..self }
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

    /// The matrix of that name, if it is the next; frozen, where matrices are, and then a parameter of one zero.
    pub(crate) fn optional_matrix(&mut self, name: &str) -> Result<Option<Matrix>, E> {
        let Some(parameter) = self.parameters.next_if(|next| next.name == name) else {
            return Ok(None);
        };
        let values = (self.source)(&parameter)?;
        let frozen = match self.freeze {
            Some(freeze) => freeze(&parameter, &values)?.map(Arc::new),
            None => None,
        };
        let values = match frozen {
            // None at all may lie anywhere in a file, and burn refuses numbers that do not lie on four bytes.
            Some(_) => TensorData::new(vec![0.0_f32], [1, 1]),
            None => values,
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
