//! The model that an adapter is trained beside.

use anyhow::{Result, bail};
use burn::tensor::Device;
use minigpt_data::ModelSource;
use minigpt_model::{FrozenType, Kernels, LoraConfig, Precision, WeightType};

use super::model::TrainedModel;
use crate::args::WeightsChoice;

/// Loads it onto a device that differentiates. On the processor its matrices are kept as files have them: as was asked
/// for or, without that, as a quantised file has them, else in the 16 bits that products round them to, else as 32-bit
/// floats.
pub(crate) fn load(
    source: &ModelSource,
    average: bool,
    lora: &LoraConfig,
    WeightsChoice(weights): WeightsChoice,
    precision: Precision,
    device: &Device,
) -> Result<TrainedModel> {
    if Kernels::of(device) != Kernels::Cpu {
        if let Some(weight_type) = weights.filter(|found| *found != WeightType::F32) {
            bail!(
                "--weights {weight_type}: only this machine's processor keeps weights so: leave --weights out, or take \
                 --device cpu"
            );
        }
        return TrainedModel::load_onto(source, average, device);
    }
    let rounded = precision == Precision::Bf16 && precision.is_native(device);
    let unasked = if rounded { WeightType::Bf16 } else { WeightType::F32 };
    let frozen = FrozenType {
        weight_type: weights.unwrap_or(unasked),
        keeps_embedding: lora.names_embedding(),
    };
    TrainedModel::load_frozen(source, average, frozen, device)
}
