//! What of a GGUF file cannot be multiplied as it is stored, or was asked for otherwise.

use minigpt_gguf::{TensorInfo, TensorType};

use super::source::stays;
use crate::files::pretrained::SavedModel;
use crate::matrix::weight_type::WeightType;

/// Matrices of a GGUF file that become another type as they are [loaded](SavedModel::load_packed).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Converted {
    /// How many.
    pub matrices: usize,
    /// Their types, each once, as ggml calls them.
    pub stored_types: Vec<String>,
    /// Bytes that they have in the file.
    pub stored_bytes: u64,
    /// What they become; rows that are no whole blocks of it become [`WeightType::F16`].
    pub weight_type: WeightType,
    /// Bytes that they have then, in memory.
    pub bytes: u64,
}

impl SavedModel {
    /// What [`load_packed`](Self::load_packed) does not keep as it is stored; nothing where it keeps all, or where the
    /// model is no GGUF file.
    #[must_use]
    pub fn converted(&self, weight_type: Option<WeightType>) -> Option<Converted> {
        let infos = self.gguf()?.stored().0.tensors().map(|tensor| tensor.info());
        let is_made =
            |info: &&TensorInfo| info.shape().len() > 1 && !stays(info.tensor_type(), weight_type);
        let weight_type = weight_type.unwrap_or(WeightType::Q8_0);
        let mut converted = Converted {
            matrices: 0,
            stored_types: Vec::new(),
            stored_bytes: 0,
            weight_type,
            bytes: 0,
        };
        for info in infos.filter(is_made) {
            let bytes = |tensor_type: TensorType| {
                (info.values() / tensor_type.block_values() * tensor_type.block_bytes()) as u64
            };
            converted.matrices += 1;
            converted.stored_bytes += bytes(info.tensor_type());
            converted.bytes += bytes(weight_type.of_row(info.row_values()));
            let stored_type = info.tensor_type().to_string();
            if !converted.stored_types.contains(&stored_type) {
                converted.stored_types.push(stored_type);
            }
        }
        (converted.matrices > 0).then_some(converted)
    }
}
