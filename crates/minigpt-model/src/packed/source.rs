//! Where a packed model's weights come from: a GGUF file as it is, other files, or a model.

use std::path::Path;
use std::sync::Arc;

use burn::tensor::DType;
use minigpt_gguf::{Gguf, TensorError};
use minigpt_ops::Pairs;

use super::PackedGpt;
use super::assemble::Values;
use super::matrix::Matrix;
use crate::files::error::WeightsError;
use crate::files::layout::{Layout, Slice};
use crate::files::pretrained::SavedModel;
use crate::files::weight_type::{WeightType, floats};
use crate::files::weights::Weights;
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
}

impl PackedGpt {
    /// The weights of a model without adapters beside its matrices.
    ///
    /// # Errors
    /// [`WeightsError::Write`] where the device does not give the weights, [`WeightsError::Pack`] where one of them is
    /// too large for the type.
    pub fn of(model: &Gpt, weight_type: WeightType) -> Result<Self, WeightsError> {
        let mut stored = model.stored_parameters().into_iter();
        let packed = Self::assemble(model.config(), Pairs::Halves, |parameter| {
            let name = Path::new(&parameter.name);
            let failed = |reason: String| WeightsError::Write { path: name.to_owned(), reason };
            let tensor = stored.next().ok_or_else(|| failed("it is missing".to_owned()))?;
            let bytes = tensor.into_bytes().map_err(|error| failed(error.to_string()))?;
            values(parameter, floats(&bytes), weight_type)
                .map_err(|error| pack_error(name, parameter, error))
        })?;
        Ok(packed.with_tokenizer_size(model.tokenizer_size()))
    }

    /// The weights of a file or folder, each as `weight_type` or, without one, as it is stored.
    pub(crate) fn of_weights(
        weights: &Weights,
        config: &GptConfig,
        weight_type: Option<WeightType>,
    ) -> Result<Self, WeightsError> {
        Self::assemble(config, Pairs::Halves, |parameter| {
            let stored = weights.dtype(config, parameter);
            let data = weights.values(config, parameter)?;
            let floats = data.as_slice::<f32>().expect("values are 32-bit floats").to_vec();
            values(parameter, floats, weight_type.unwrap_or_else(|| nearest(stored)))
                .map_err(|error| pack_error(weights.path(), parameter, error))
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
        let pairs = if layout.is_interleaved { Pairs::Adjacent } else { Pairs::Halves };
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
                matrices.push(mapped(file, parameter, &slice, weight_type)?);
            }
            Ok(Values::Matrices(split(parameter, matrices)))
        })
    }
}

/// The tensor of a slice, `[out, in]`.
fn mapped(
    file: &Arc<Gguf>,
    parameter: &Parameter,
    slice: &Slice,
    weight_type: Option<WeightType>,
) -> Result<Matrix, WeightsError> {
    let tensor = file.tensor(&slice.name)?;
    let tensor_type = tensor.info().tensor_type();
    let [rows, columns] = [slice.shape[0], slice.shape[1]];
    let is_wanted = weight_type.is_none_or(|wanted| wanted.of_ggml() == tensor_type);
    if is_wanted {
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
    Matrix::of_values(&values, columns, weight_type.unwrap_or(WeightType::Q8_0))
        .map_err(|error| pack_error(file.path(), parameter, error))
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

/// Of a parameter's values in the model's own order.
fn values(
    parameter: &Parameter,
    values: Vec<f32>,
    weight_type: WeightType,
) -> Result<Values, TensorError> {
    let &[rows, columns] = &parameter.shape[..] else { return Ok(Values::Vector(values)) };
    if !parameter.role.is_projection() {
        let table = Matrix::of_values(&values, columns, weight_type)?;
        return Ok(Values::Matrices(vec![table]));
    }
    let transposed = transposed(&values, rows, columns);
    drop(values);
    let matrix = Matrix::of_values(&transposed, rows, weight_type)?;
    Ok(Values::Matrices(split(parameter, vec![matrix])))
}

/// `[rows, columns]` to `[columns, rows]`.
fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    /// Columns that are copied together: as many as a line of a processor's cache has.
    const TOGETHER: usize = 16;
    let mut transposed = vec![0.0; values.len()];
    for first in (0..columns).step_by(TOGETHER) {
        for row in 0..rows {
            for column in first..columns.min(first + TOGETHER) {
                transposed[column * rows + row] = values[row * columns + column];
            }
        }
    }
    transposed
}

/// The type that a parameter is kept as, which was stored as that.
fn nearest(stored: DType) -> WeightType {
    match stored {
        DType::F16 => WeightType::F16,
        DType::BF16 => WeightType::Bf16,
        _ => WeightType::F32,
    }
}

fn pack_error(path: &Path, parameter: &Parameter, error: TensorError) -> WeightsError {
    let (path, name) = (path.to_owned(), parameter.name.clone());
    WeightsError::Pack { path, name, error }
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
