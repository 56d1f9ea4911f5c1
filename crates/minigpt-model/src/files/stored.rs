//! A model's parameters as files take them.

use burn::store::ModuleSnapshot;
use burn::store::burn_pack::Tensor as StoredTensor;
use minigpt_files::Checksum;

use super::error::WeightsError;
use crate::model::gpt::Gpt;

impl Gpt {
    /// The parameters in the model's order, each read from the device when its bytes are asked for.
    pub(crate) fn stored_parameters(&self) -> Vec<StoredTensor> {
        self.collect(None, None, false)
    }

    /// SHA-256 of the model's own weights in hexadecimal, an adapter's left out.
    pub(crate) fn fingerprint(&self) -> Result<String, WeightsError> {
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
