//! Where a packed model's weights come from: a GGUF file as it is, other files, or a model.

use std::path::Path;
use std::sync::Arc;

use burn::tensor::DType;
use minigpt_gguf::{Gguf, TensorType};
use minigpt_ops::RotaryPairs;

use super::PackedGpt;
use super::assemble::Values;
use crate::files::error::WeightsError;
use crate::files::layout::{Layout, Slice};
use crate::files::pretrained::SavedModel;
use crate::files::weights::Weights;
use crate::matrix::transposed;
use crate::matrix::weight_type::{WeightType, floats};
use crate::matrix::{Matrix, has_products};
use crate::model::config::GptConfig;
use crate::model::gpt::Gpt;
use crate::model::parameters::Parameter;

impl SavedModel {
    /// Reads the weights as a [`PackedGpt`] keeps them: as `weight_type` or, without one, as they are stored; those of
    /// a GGUF file then stay in the file, which is mapped. Types with which no products are done become
    /// [`WeightType::Q8_0`].
    ///
    /// # Errors
    /// As [`load`](Self::load), and [`WeightsError::Pack`] where a weight is too large for the type.
    pub fn load_packed(self, weight_type: Option<WeightType>) -> Result<PackedGpt, WeightsError> {
        let gguf = self.gguf().map(|model| {
            let (file, layout) = model.stored();
            (file.clone(), layout)
        });
        let (config, weights) = self.into_weights()?;
        let weights = weights.checked(&config)?;
        match gguf {
            Some((file, layout)) => PackedGpt::of_gguf(&file, layout, &config, weight_type),
            None => PackedGpt::of_weights(&weights, &config, weight_type),
        }
    }

    /// Bytes of memory that [`load_packed`](Self::load_packed) takes, what stays in a file that is mapped left out.
    ///
    /// # Errors
    /// As of [`load`](Self::load), where files are missing or damaged.
    pub fn packed_bytes(&self, weight_type: Option<WeightType>) -> Result<u64, WeightsError> {
        let parameters = self.config().parameter_counts().total() as u64;
        let of = |values: u64, weight_type: WeightType| {
            let tensor_type = weight_type.of_ggml();
            values.div_ceil(tensor_type.block_values() as u64) * tensor_type.block_bytes() as u64
        };
        if let Some(model) = self.gguf() {
            let infos = model.stored().0.tensors().map(|tensor| tensor.info());
            let made = infos.filter(|info| !stays(info.tensor_type(), weight_type));
            let values = made.map(|info| info.values() as u64);
            return Ok(of(values.sum(), weight_type.unwrap_or(WeightType::Q8_0)));
        }
        match weight_type {
            Some(weight_type) => Ok(of(parameters, weight_type)),
            None => self.stored_bytes(),
        }
    }
}

/// True where a GGUF file's matrix of that type is used as it is.
pub(super) fn stays(tensor_type: TensorType, weight_type: Option<WeightType>) -> bool {
    let is_wanted = weight_type.is_none_or(|wanted| wanted.of_ggml() == tensor_type);
    is_wanted && has_products(tensor_type)
}

impl PackedGpt {
    /// The weights of a model, which gives them up one after the other.
    ///
    /// # Errors
    /// [`WeightsError::Adapter`] where an adapter stands beside a matrix, [`WeightsError::Device`] where the device does
    /// not give the weights, [`WeightsError::Pack`] where one of them is too large for the type.
    pub fn of(model: Gpt, weight_type: WeightType) -> Result<Self, WeightsError> {
        let (config, tokenizer_size) = (model.config().clone(), model.tokenizer_size());
        let stored = model.stored_parameters();
        drop(model);
        if let Some(name) = stored.iter().find_map(|tensor| tensor.name.split_once(".lora.")) {
            return Err(WeightsError::Adapter { name: name.0.to_owned() });
        }
        let mut stored = stored.into_iter();
        let packed = Self::assemble(&config, RotaryPairs::Halves, |parameter| {
            let name = parameter.name.clone();
            let failed = |reason: String| WeightsError::Device { name: name.clone(), reason };
            let tensor = stored.next().filter(|tensor| tensor.name == name);
            let tensor = tensor.ok_or_else(|| failed("it is missing".to_owned()))?;
            let bytes = tensor.into_bytes().map_err(|error| failed(error.to_string()))?;
            pack(&name, parameter, floats(&bytes), weight_type)
        })?;
        Ok(packed.with_tokenizer_size(tokenizer_size))
    }

    /// The weights of a file or folder, each as `weight_type` or, without one, as it is stored.
    pub(crate) fn of_weights(
        weights: &Weights,
        config: &GptConfig,
        weight_type: Option<WeightType>,
    ) -> Result<Self, WeightsError> {
        Self::assemble(config, RotaryPairs::Halves, |parameter| {
            let stored = weights.dtype(config, parameter);
            let values = weights.values(config, parameter)?.try_into_vec::<f32>();
            let values = values.expect("values are 32-bit floats");
            let name = named(weights.path(), &parameter.name);
            pack(&name, parameter, values, weight_type.unwrap_or_else(|| nearest(stored)))
        })
    }

    /// The weights of a GGUF file, which have been checked, mapped where their type is `weight_type` or, without one,
    /// any with which products are done; those of other types become `weight_type`, or [`WeightType::Q8_0`].
    pub(crate) fn of_gguf(
        file: &Arc<Gguf>,
        layout: &Layout,
        config: &GptConfig,
        weight_type: Option<WeightType>,
    ) -> Result<Self, WeightsError> {
        let pairs = match layout.is_interleaved {
            true => RotaryPairs::Adjacent,
            false => RotaryPairs::Halves,
        };
        Self::assemble(config, pairs, |parameter| {
            let slices = layout.slices(config, parameter);
            if parameter.shape.len() == 1 {
                let mut vector = Vec::new();
                for Slice { name, .. } in slices {
                    let tensor = file.tensor(&name)?;
                    let start = vector.len();
                    vector.resize(start + tensor.info().values(), 0.0);
                    tensor.read(&mut vector[start..]);
                    check_finite(file.path(), &name, &vector[start..])?;
                }
                return Ok(Values::Vector(vector));
            }
            let mut matrices = Vec::new();
            for slice in slices {
                matrices.push(tensor(file, parameter, &slice, weight_type)?);
            }
            Ok(Values::Matrices(split(parameter, matrices)))
        })
    }
}

/// The tensor of a slice, `[out, in]`.
fn tensor(
    file: &Arc<Gguf>,
    parameter: &Parameter,
    slice: &Slice,
    weight_type: Option<WeightType>,
) -> Result<Matrix, WeightsError> {
    let tensor = file.tensor(&slice.name)?;
    let tensor_type = tensor.info().tensor_type();
    let [rows, columns] = [slice.shape[0], slice.shape[1]];
    if stays(tensor_type, weight_type) {
        let blocks = file.share_blocks(&slice.name)?;
        if let Some(matrix) = Matrix::of_file(tensor_type, rows, columns, &blocks) {
            return match matrix.find_not_finite() {
                None => Ok(matrix),
                Some((index, value)) => Err(not_finite(file.path(), &slice.name, index, value)),
            };
        }
    }
    let mut values = vec![0.0; rows * columns];
    tensor.read(&mut values);
    check_finite(file.path(), &slice.name, &values)?;
    let weight_type = weight_type.unwrap_or(WeightType::Q8_0);
    Matrix::of_values(&values, columns, weight_type.of_tensor(parameter.role.is_matrix(), columns))
        .map_err(|error| WeightsError::Pack {
            name: named(file.path(), &slice.name),
            weight_type,
            error,
        })
}

/// The rows of matrices that follow one another, as the parameter's columns divide them.
fn split(parameter: &Parameter, matrices: Vec<Matrix>) -> Vec<Matrix> {
    let is_table = !parameter.role.is_projection();
    if is_table || matrices.len() == parameter.columns.len() {
        return matrices;
    }
    let mut start = 0;
    let part = |width: &usize| {
        start += width;
        matrices[0].some_rows(start - width..start)
    };
    parameter.columns.iter().map(part).collect()
}

/// A parameter's values in the model's own order, packed.
fn pack(
    name: &str,
    parameter: &Parameter,
    values: Vec<f32>,
    weight_type: WeightType,
) -> Result<Values, WeightsError> {
    let &[rows, columns] = &parameter.shape[..] else { return Ok(Values::Vector(values)) };
    let is_projection = parameter.role.is_projection();
    let (values, row) = match is_projection {
        true => (transposed(&values, rows, columns), rows),
        false => (values, columns),
    };
    let matrix =
        Matrix::of_values(&values, row, weight_type.of_tensor(parameter.role.is_matrix(), row));
    let matrix =
        matrix.map_err(|error| WeightsError::Pack { name: name.to_owned(), weight_type, error })?;
    Ok(Values::Matrices(split(parameter, vec![matrix])))
}

/// The type that a parameter is kept as, whose tensors are of one type or of several.
fn nearest(stored: Option<DType>) -> WeightType {
    match stored {
        Some(DType::F16) => WeightType::F16,
        Some(DType::BF16) => WeightType::Bf16,
        _ => WeightType::F32,
    }
}

fn named(path: &Path, name: &str) -> String {
    format!("{}: {}", path.display(), minigpt_files::excerpt(name))
}

fn check_finite(path: &Path, name: &str, values: &[f32]) -> Result<(), WeightsError> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(not_finite(path, name, index, values[index])),
        None => Ok(()),
    }
}

fn not_finite(path: &Path, name: &str, index: usize, value: f32) -> WeightsError {
    let (path, name) = (path.to_owned(), minigpt_files::excerpt(name));
    WeightsError::NotFinite { path, name, value, index }
}
