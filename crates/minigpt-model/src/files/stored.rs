//! A model's parameters as files take them.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::store::ModuleSnapshot;
use burn::store::burn_pack::Tensor as StoredTensor;
use burn::tensor::{Bytes, DType};
use minigpt_files::Checksum;

use super::error::WeightsError;
use super::layout::{Layout, Slice};
use crate::matrix::frozen::Frozen;
use crate::matrix::weight_type::floats;
use crate::model::gpt::Gpt;
use crate::model::parameters::{Parameter, Role};

impl Gpt {
    /// The parameters in the model's order, each read from the device when its bytes are asked for.
    /// Those of a frozen model become numbers then.
    pub(crate) fn stored_parameters(&self) -> Vec<StoredTensor> {
        let collected = self.collect(None, None, false);
        if !self.is_frozen() {
            return collected;
        }
        let mut frozen = self.frozen_matrices();
        let parameters = self.config().parameters();
        let mut shapes: BTreeMap<String, Parameter> =
            parameters.map(|parameter| (parameter.name.clone(), parameter)).collect();
        let stored = collected.into_iter().map(|tensor| {
            let found = frozen.remove(&tensor.name).zip(shapes.remove(&tensor.name));
            found.map_or(tensor, |(frozen, parameter)| made(frozen, &parameter))
        });
        stored.collect()
    }

    /// The tensors that files of a layout have of the model's parameters, in their order, as 32-bit floats, each
    /// read from the device when its bytes are asked for.
    pub(crate) fn file_tensors(&self, layout: &Layout) -> Vec<(Role, StoredTensor)> {
        let parameters = self.config().parameters().zip(self.stored_parameters());
        let tensors = parameters.flat_map(|(parameter, stored)| {
            let slices = layout.slices(self.config(), &parameter).into_iter();
            slices.map(move |slice| (parameter.role, sliced(slice, stored.clone())))
        });
        tensors.collect()
    }

    /// SHA-256 of the model's own weights in hexadecimal, an adapter's left out, by which an adapter's file names its
    /// base; of a frozen model those that it was made of.
    ///
    /// # Errors
    /// [`WeightsError::Write`] where the device does not give them.
    pub fn fingerprint(&self) -> Result<String, WeightsError> {
        if let Some(fingerprint) = &self.tables.fingerprint {
            return Ok(fingerprint.clone());
        }
        let mut checksum = Checksum::default();
        for tensor in self.stored_parameters() {
            if tensor.name.contains(".lora.") {
                continue;
            }
            let name = tensor.name.clone();
            let bytes = tensor.into_bytes().map_err(|error| WeightsError::Write {
                path: name.into(),
                reason: error.to_string(),
            })?;
            checksum.update(&bytes[..]);
        }
        Ok(checksum.finish())
    }
}

/// The numbers of a matrix that is kept as files have it.
fn made(frozen: Arc<Frozen>, parameter: &Parameter) -> StoredTensor {
    let (name, shape) = (parameter.name.clone(), parameter.shape.clone());
    let length = size_of::<f32>() * shape.iter().product::<usize>();
    let is_layer = parameter.role.is_projection();
    let bytes = move || Ok(Bytes::from_elems(frozen.values(is_layer)));
    StoredTensor::deferred(name, DType::F32, shape, None, length, bytes)
}

/// A tensor of a file, of the parameter that it is a part of.
fn sliced(slice: Slice, mut parameter: StoredTensor) -> StoredTensor {
    if slice.is_whole() {
        parameter.name = slice.name;
        return parameter;
    }
    let (name, shape) = (slice.name.clone(), slice.shape.clone());
    let length = size_of::<f32>() * shape.iter().product::<usize>();
    let bytes = move || Ok(Bytes::from_elems(slice.take(&floats(&parameter.to_bytes()?))));
    StoredTensor::deferred(name, DType::F32, shape, None, length, bytes)
}
